import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { asSource } from "../edit/masked-inpaint.ts";
import { GenerationError } from "../errors/generation-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { GenerationEvent, ImageEvent } from "../events.ts";
import type { Pixels } from "../image/codec.ts";
import type { CallInputs } from "../image/input-rules.ts";
import { cropPixels, padPixels } from "../image/outpaint-canvas.ts";
import { payloadPixels, toPayload } from "../image/payload-pixels.ts";
import { readInput } from "../image/read-input.ts";
import { resizeImage } from "../image/resize.ts";
import type { ImageSource } from "../request/image-source.ts";
import type { GenerationRequest } from "../request/request.ts";
import { seedOfImage } from "../request/seed.ts";
import type { RefineStage } from "../request/stage-fields.ts";
import { Ledger } from "./ledger.ts";
import { type Refinable, stageRequest } from "./stage-request.ts";

/** How a request of several stages is run. */
export interface StagesRun {
  backend: Backend;
  capabilities: Capabilities;
  signal: AbortSignal;
  inputs?: CallInputs | undefined;
  /** Runs one request on the backend, with what the client does around it. */
  run(request: GenerationRequest, capabilities?: Capabilities): AsyncIterable<GenerationEvent>;
}

/** Whether a request is gone on with once its picture is made. */
export function hasStages(request: GenerationRequest): request is Refinable & { refine: RefineStage[] } {
  return "refine" in request && request.refine !== undefined;
}

/** A picture between two stages. */
interface Held {
  event: ImageEvent;
  pixels: Pixels;
}

/** Runs a request and then its stages over each of its pictures. One that fails leaves the others be. */
export async function* runRefined(
  request: Refinable & { refine: RefineStage[] },
  { backend, capabilities, signal, inputs = {}, run }: StagesRun,
): AsyncGenerator<GenerationEvent> {
  const { refine, ...first } = request;
  // A picture that is given and kept as it is goes straight into its first stage.
  const given = first.task === "image-to-image" && first.strength === 0 && first.image !== undefined;
  const ledger = new Ledger((event) => (given ? { ...event, resolved: ofStage(event.resolved) } : event));
  const parts = refine.length + (given ? 0 : 1);
  let resolved: Partial<GenerationRequest> = {};
  let held: Held[] = [];
  if (given) {
    const pixels = await readInput(first.image!, "image", { inputs, signal });
    for (let index = 0; index < request.count; index++) {
      const seed = request.seed === undefined ? {} : { seed: seedOfImage(request.seed, index) };
      held.push({ event: { type: "image", index, ...seed, image: toPayload(pixels) }, pixels });
    }
  } else {
    const part = yield* ledger.follow(run(first as GenerationRequest), { from: 0, to: 1 / parts });
    yield* part.failures;
    ({ resolved } = part);
    for (const event of part.images) {
      const pixels = await payloadPixels(event.image, backend, signal);
      held.push({ event, pixels });
      const { index, image } = event;
      if (request.previewEvery > 0) yield { type: "preview", index, step: resolved.steps ?? request.steps ?? 0, image };
    }
  }
  const recorded: RefineStage[] = [...refine];
  for (const [k, stage] of refine.entries()) {
    const next: Held[] = [];
    for (const [i, { event, pixels }] of held.entries()) {
      const from = (parts - refine.length + k + i / held.length) / parts;
      const part = { from, to: from + 1 / held.length / parts, index: event.index };
      try {
        const asked = await stageRequest(stage, { request, resolved, seed: event.seed, k, picture: pixels });
        const { request: fitted, back } = await fittedTo(asked, pixels, capabilities, (mask) =>
          readInput(mask, `refine[${k}].mask`, { inputs, signal }),
        );
        const made = yield* ledger.follow(run(fitted), part);
        const [image] = made.images;
        if (image === undefined) throw new GenerationError(`The backend made no picture in refine[${k}].`);
        const steps = made.resolved.steps ?? stage.steps;
        recorded[k] = { ...stage, ...(steps === undefined ? {} : { steps }) };
        const painted = back(await payloadPixels(image.image, backend, signal));
        next.push({ event, pixels: painted });
      } catch (error) {
        signal.throwIfAborted();
        if (held.length === 1 && request.count === 1) throw error;
        const failure = LatentKitError.isInstance(error) ? error : new GenerationError(String(error), { cause: error });
        const message = `Picture ${event.index} failed in refine[${k}]: ${failure.message}`;
        const seed = event.seed === undefined ? {} : { seed: event.seed };
        yield { type: "warning", code: "image_failed", message, index: event.index, ...seed, error: failure.toJSON() };
        if (i === held.length - 1 && next.length === 0) throw error;
      }
    }
    held = next;
  }
  const refined = { refine: recorded } as Partial<GenerationRequest>;
  for (const { event, pixels } of held)
    yield {
      ...event,
      resolved: { ...event.resolved, ...refined } as Partial<GenerationRequest>,
      image: toPayload(pixels),
    };
  yield ledger.completed(refined);
}

/** What of a stage's settings is the whole request's, where the request has no first stage of its own. */
function ofStage(resolved: Partial<GenerationRequest> = {}): Partial<GenerationRequest> {
  const { sampler, scheduler, guidanceScale } = resolved;
  const own = { sampler, scheduler, guidanceScale };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

/** A picture whose sides a model cannot make goes in on a larger canvas, and comes back without it. */
async function fittedTo(
  request: Awaited<ReturnType<typeof stageRequest>>,
  picture: Pixels,
  { limits }: Capabilities,
  read: (mask: ImageSource) => Promise<Pixels>,
): Promise<{ request: GenerationRequest; back(made: Pixels): Pixels }> {
  const asIs = { request, back: (made: Pixels) => made };
  if (request.width !== picture.width || request.height !== picture.height) return asIs;
  const missing = (side: "width" | "height") => {
    const { multipleOf = 1 } = limits[side] ?? {};
    return (multipleOf - (picture[side] % multipleOf)) % multipleOf;
  };
  const [right, bottom] = [missing("width"), missing("height")];
  if (right + bottom === 0) return asIs;
  const borders = { left: 0, top: 0, right, bottom };
  const canvas = padPixels(picture, borders);
  const { width, height } = canvas;
  const sized = { ...request, image: await asSource(canvas), width, height };
  const hidden =
    request.task === "inpaint" ? await resizeImage(await read(request.mask), picture.width, picture.height) : undefined;
  return {
    request: (hidden === undefined
      ? sized
      : { ...sized, mask: await asSource(padPixels(hidden, borders)) }) as GenerationRequest,
    back: (made) => cropPixels(made, picture.width, picture.height),
  };
}
