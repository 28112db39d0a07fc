import { asSource, cutConditioning } from "../edit/masked-inpaint.ts";
import { cutRegion, type Region } from "../edit/region.ts";
import { GenerationError } from "../errors/generation-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { GenerationEvent } from "../events.ts";
import type { Pixels } from "../image/codec.ts";
import { defaultMaxInputPixels } from "../image/input-limits.ts";
import { payloadPixels, toPayload } from "../image/payload-pixels.ts";
import { readInput } from "../image/read-input.ts";
import { resizeImage } from "../image/resize.ts";
import type { GenerationRequest, Redraw, RequestOf } from "../request/request.ts";
import { seedOfImage } from "../request/seed.ts";
import { Ledger } from "./ledger.ts";
import type { StagesRun } from "./refine.ts";
import { sharedSettings } from "./stage-request.ts";
import { type Stretch, stretchesOver, weightOf } from "./tile-stretches.ts";

/** Side of a tile where neither the request nor the model says one. */
const usualTile = 512;

/**
 * Enlarges a picture and draws it anew in tiles that lie over each other, each by an image-to-image of its own, with what steers (a tile
 * ControlNet's picture, for instance) cut as the tile is. Where tiles lie over each other they are blended.
 */
export async function* runRedraw(request: Redraw, options: StagesRun): AsyncGenerator<GenerationEvent> {
  const { backend, capabilities, signal, inputs, run } = options;
  const { redraw, scale } = request;
  const given = await readInput(request.image, "image", { inputs, signal });
  const size = { width: Math.round(given.width * scale), height: Math.round(given.height * scale) };
  checkSize(request, size, inputs?.maxPixels);
  const side = (name: "width" | "height") => {
    const { multipleOf = 1, max = Number.POSITIVE_INFINITY } = capabilities.limits[name] ?? {};
    const wanted = Math.min(redraw.tileSize ?? capabilities.defaults?.[name] ?? usualTile, max);
    return { length: Math.max(multipleOf, wanted - (wanted % multipleOf)), multipleOf };
  };
  const [across, down] = [side("width"), side("height")];
  const overlap = redraw.tileOverlap;
  const columns = stretchesOver(size.width, across.length, Math.min(overlap, across.length >> 1), across.multipleOf);
  const rows = stretchesOver(size.height, down.length, Math.min(overlap, down.length >> 1), down.multipleOf);
  const tiles = rows.flatMap((row) => columns.map((column) => ({ row, column })));
  const { width: _, height: __, scale: ___, ...settings } = request;
  const whole = { ...size, seed: request.seed, redraw: { ...redraw, tileSize: across.length } };
  const ledger = new Ledger((event) => ({
    ...event,
    resolved: { ...picked(event.resolved), ...size } as Partial<GenerationRequest>,
  }));
  const parts = tiles.length + (redraw.upscaler === undefined ? 0 : 1);
  let done = 0;
  let base = given;
  if (redraw.upscaler !== undefined) {
    const own = await backend.capabilities(redraw.upscaler, { signal });
    const { image, output } = request;
    const upscale: RequestOf<"upscale"> = {
      ...{ task: "upscale", model: redraw.upscaler, image, scale: own.defaults?.scale ?? scale, count: 1 },
      ...{ conditioning: [], loras: [], embeddings: [], previewEvery: 0, output, backendOptions: {} },
    };
    const made = yield* ledger.follow(run(upscale, own), { from: 0, to: 1 / parts, index: 0 });
    base = await pictureOf(made.images, options);
    done = 1;
  }
  const enlarged = await resizeImage(base, size.width, size.height);
  const canvas = new Blend(size);
  let steps: number | undefined;
  for (const [i, { row, column }] of tiles.entries()) {
    const region: Region = { left: column.from, top: row.from, width: column.length, height: row.length };
    const read = (source: Parameters<typeof readInput>[0], field: string) =>
      readInput(source, field, { inputs, signal });
    const conditioning = await cutConditioning(request.conditioning, region, { image: enlarged, read });
    const seed = request.seed === undefined ? {} : { seed: seedOfImage(request.seed, i) };
    const asked = {
      ...sharedSettings(settings as GenerationRequest),
      task: "image-to-image",
      prompt: request.prompt ?? "",
      image: await asSource(cutRegion(enlarged, region)),
      width: region.width,
      height: region.height,
      strength: redraw.strength,
      ...((redraw.steps ?? request.steps) === undefined ? {} : { steps: redraw.steps ?? request.steps }),
      count: 1,
      ...seed,
      conditioning,
      previewEvery: 0,
      output: { ...request.output, latent: false },
    } as GenerationRequest;
    const from = (done + i) / parts;
    const made = yield* ledger.follow(run(asked), { from, to: from + 1 / parts, index: 0 });
    steps = made.resolved.steps ?? steps;
    canvas.add(await pictureOf(made.images, options), { row, column });
    if (request.previewEvery > 0)
      yield { type: "preview", index: 0, step: i + 1, image: toPayload(canvas.over(enlarged)) };
  }
  const resolved = { ...whole, redraw: { ...whole.redraw, ...(steps === undefined ? {} : { steps }) } };
  const seed = request.seed === undefined ? {} : { seed: request.seed };
  yield { type: "image", index: 0, ...seed, resolved, image: toPayload(canvas.over(enlarged)) };
  yield ledger.completed(resolved);
}

/** @throws InvalidRequestError for a size that is not the picture's enlarged, or that is more than is decoded. */
function checkSize(request: Redraw, size: { width: number; height: number }, maxPixels = defaultMaxInputPixels): void {
  for (const field of ["width", "height"] as const) {
    if ((request[field] ?? size[field]) === size[field]) continue;
    const message = `must be ${size[field]}, ${request.scale} times the picture's, or left out; not ${request[field]}`;
    throw new InvalidRequestError([{ field, message }]);
  }
  if (size.width * size.height <= maxPixels) return;
  const message = `makes the picture ${size.width}×${size.height}; at most ${maxPixels} pixels are taken (the client's maxInputPixels)`;
  throw new InvalidRequestError([{ field: "scale", message }]);
}

async function pictureOf(
  images: readonly { image: Parameters<typeof payloadPixels>[0] }[],
  { backend, signal }: StagesRun,
) {
  const [first] = images;
  if (first === undefined) throw new GenerationError("The backend made no picture of a tile.");
  return payloadPixels(first.image, backend, signal);
}

/** What a tile's settings say of the whole. */
function picked({ sampler, scheduler, guidanceScale }: Partial<GenerationRequest> = {}): Partial<GenerationRequest> {
  return Object.fromEntries(
    Object.entries({ sampler, scheduler, guidanceScale }).filter(([, value]) => value !== undefined),
  );
}

/** A picture that is put together of tiles. */
class Blend {
  readonly #width: number;
  readonly #height: number;
  readonly #sums: Float32Array;
  readonly #weights: Float32Array;

  constructor({ width, height }: { width: number; height: number }) {
    this.#width = width;
    this.#height = height;
    this.#sums = new Float32Array(3 * width * height);
    this.#weights = new Float32Array(width * height);
  }

  add({ width, channels, data }: Pixels, { row, column }: { row: Stretch; column: Stretch }): void {
    for (let y = row.from; y < Math.min(row.from + row.length, this.#height); y++) {
      for (let x = column.from; x < Math.min(column.from + column.length, this.#width); x++) {
        const weight = weightOf(row, y) * weightOf(column, x);
        const at = ((y - row.from) * width + x - column.from) * channels;
        const to = y * this.#width + x;
        this.#weights[to]! += weight;
        for (let c = 0; c < 3; c++) this.#sums[3 * to + c]! += weight * data[at + c]!;
      }
    }
  }

  /** As far as there are tiles; elsewhere another picture. */
  over(base: Pixels): Pixels {
    const data = new Uint8Array(3 * this.#width * this.#height);
    for (let i = 0; i < this.#weights.length; i++) {
      const weight = this.#weights[i]!;
      for (let c = 0; c < 3; c++)
        data[3 * i + c] =
          weight === 0 ? base.data[i * base.channels + c]! : Math.round(this.#sums[3 * i + c]! / weight);
    }
    return { width: this.#width, height: this.#height, channels: 3, data };
  }
}
