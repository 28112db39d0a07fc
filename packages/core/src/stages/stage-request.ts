import { maskPixels } from "../edit/mask-shape.ts";
import { asSource } from "../edit/masked-inpaint.ts";
import { boxMask } from "../edit/region.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { Pixels } from "../image/codec.ts";
import { borderMask } from "../image/outpaint-canvas.ts";
import type { GenerationRequest, RequestOf } from "../request/request.ts";
import { seedOfImage } from "../request/seed.ts";
import type { RefineStage } from "../request/stage-fields.ts";

/** A request that may be gone on with. */
export type Refinable = Extract<GenerationRequest, { refine?: unknown }>;

/** Fields that every stage has from its request. */
const shared = [
  "model",
  "guidanceScale",
  "guidance",
  "sampler",
  "scheduler",
  "samplerOptions",
  "schedulerOptions",
  "noise",
  "clipSkip",
  "conditioning",
  "loras",
  "embeddings",
  "previewEvery",
  "backendOptions",
  "prompt",
  "negativePrompt",
  "promptSyntax",
] as const;

/** A request's settings without its beginning: what its stages share. */
export function sharedSettings(request: GenerationRequest) {
  const fields = Object.entries(request).filter(([name, value]) => value !== undefined && includes(shared, name));
  return Object.fromEntries(fields) as Pick<RequestOf<"text-to-image">, (typeof shared)[number]>;
}

function includes(names: readonly string[], name: string): boolean {
  return names.includes(name);
}

/** What stage `k` makes of a picture, and whether it is asked to paint a part of it. */
export interface StageOptions {
  request: Refinable;
  /** The request with what the backend decided for its first stage. */
  resolved: Partial<GenerationRequest>;
  /** The picture's seed, where there is one. */
  seed: number | string | undefined;
  k: number;
  picture: Pixels;
}

/** The request for one stage over one picture. @throws InvalidRequestError for a box that lies outside of it. */
export async function stageRequest(
  stage: RefineStage,
  { request, resolved, seed, k, picture }: StageOptions,
): Promise<RequestOf<"image-to-image"> | RequestOf<"inpaint">> {
  const { box, mask, maskGrow, maskBlur, maskPadding, strength, seed: own, ...given } = stage;
  const settings = sharedSettings({ ...request, ...decided(resolved) } as GenerationRequest);
  const sampler = given.sampler !== undefined && given.sampler !== settings.sampler;
  const ownSeed = own ?? (seed === undefined ? undefined : seedOfImage(seed, k + 1));
  const base = {
    ...settings,
    // A sampler of its own comes without the request's scheduler and settings.
    ...(sampler ? { scheduler: undefined, samplerOptions: undefined, schedulerOptions: undefined } : {}),
    steps: given.steps ?? resolved.steps ?? request.steps,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    image: await asSource(picture),
    strength,
    count: 1,
    output: { ...request.output, latent: false },
    ...(ownSeed === undefined ? {} : { seed: ownSeed }),
  };
  const size = { width: picture.width, height: picture.height };
  const shape = { ...(maskGrow === undefined ? {} : { maskGrow }), ...(maskBlur === undefined ? {} : { maskBlur }) };
  if (box !== undefined || mask !== undefined) {
    const white = mask ?? (await maskOf(box!, picture, k));
    const part = { onlyMasked: true, ...(maskPadding === undefined ? {} : { maskPadding }), ...shape };
    // Painted at the model's own size.
    return { ...base, task: "inpaint", mask: white, keepUnmasked: true, ...part } as RequestOf<"inpaint">;
  }
  if (request.task === "inpaint") {
    const { keepUnmasked, onlyMasked, width, height } = request;
    const same = { maskGrow: request.maskGrow, maskBlur: request.maskBlur, maskPadding: request.maskPadding };
    const sized = onlyMasked ? { width, height } : size;
    return {
      ...base,
      task: "inpaint",
      mask: request.mask,
      keepUnmasked,
      onlyMasked,
      ...same,
      ...sized,
    } as RequestOf<"inpaint">;
  }
  if (request.task === "outpaint") {
    const { left, right, top, bottom, feather, keepUnmasked } = request;
    const scale = picture.width / (resolved.width ?? picture.width);
    const [l, r, t, b] = [left, right, top, bottom].map((side) => Math.round(side * scale)) as [
      number,
      number,
      number,
      number,
    ];
    const old = { width: picture.width - l - r, height: picture.height - t - b };
    const border = borderMask(old, { left: l, right: r, top: t, bottom: b }, Math.round(feather * scale));
    return { ...base, task: "inpaint", mask: await asSource(border), keepUnmasked, ...size } as RequestOf<"inpaint">;
  }
  return { ...base, task: "image-to-image", ...size } as RequestOf<"image-to-image">;
}

/** What a backend decided that its stages go by too. */
function decided({
  sampler,
  scheduler,
  guidanceScale,
  promptSyntax,
}: Partial<GenerationRequest> & { promptSyntax?: unknown }) {
  const fields = { sampler, scheduler, guidanceScale, promptSyntax };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function maskOf(box: NonNullable<RefineStage["box"]>, { width, height }: Pixels, k: number) {
  const flat = boxMask(box, { width, height });
  if (flat.includes(255)) return asSource(maskPixels(flat, width, height));
  const message = `lies outside of the picture, which is ${width}×${height}`;
  throw new InvalidRequestError([{ field: `refine[${k}].box`, message }]);
}
