import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";
import type { Model } from "../../models/model.ts";
import { interpolations } from "../interpolation.ts";
import { type Settings, settle } from "../settings.ts";

/** Enlarges the picture itself, by its Lanczos filter. */
export const pictureFilter = "lanczos";

/** Ways of enlarging that need no network. */
export const plainUpscalers: readonly string[] = [...interpolations, pictureFilter];

/**
 * The second pass of a request: an image-to-image of what the first made, or an inpaint of it, at a larger size. Undefined where there is
 * none.
 */
export function secondRequest(
  request: GenerationRequest,
  { steps, width, height }: Settings,
  { traits }: Pick<Model, "traits">,
): GenerationRequest | undefined {
  const { hires } = request;
  if (hires === undefined) return undefined;
  const { scale, strength, sampler = request.sampler } = hires;
  // A sampler of its own comes without the first one's scheduler and settings.
  const same = sampler === request.sampler;
  const { scheduler = same ? request.scheduler : undefined } = hires;
  const larger = (side: number) => Math.round((side * scale) / traits.multipleOf) * traits.multipleOf;
  const kept = { prompt: "", ...request };
  const {
    latent: _,
    startStep: __,
    endStep: ___,
    sigmas: ____,
    timesteps: _____,
    hires: ______,
    ...rest
  } = {
    latent: undefined,
    ...kept,
  };
  return {
    ...rest,
    task: request.task === "inpaint" ? "inpaint" : "image-to-image",
    width: larger(width),
    height: larger(height),
    steps: hires.steps ?? steps,
    strength,
    sampler,
    scheduler,
    ...(same ? {} : { samplerOptions: undefined }),
    ...(scheduler === request.scheduler ? {} : { schedulerOptions: undefined }),
  } as GenerationRequest;
}

/** {@link secondRequest}, held against the model. @throws InvalidRequestError naming the field of `hires`. */
export function settleSecond(request: GenerationRequest, settings: Settings, model: Model): Settings | undefined {
  const second = secondRequest(request, settings, model);
  if (second === undefined) return undefined;
  try {
    return settle(second, model);
  } catch (error) {
    if (!InvalidRequestError.isInstance(error)) throw error;
    const issues = error.issues.map(({ field, ...issue }) => ({ ...issue, field: fieldOf[field] ?? field }));
    throw new InvalidRequestError(issues, { backend: "local", cause: error });
  }
}

const fieldOf: Readonly<Record<string, string>> = {
  width: "hires.scale",
  height: "hires.scale",
  steps: "hires.steps",
  sampler: "hires.sampler",
  scheduler: "hires.scheduler",
  strength: "hires.strength",
};
