import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";
import { z } from "zod";
import type { Model } from "../../models/model.ts";

/** What `backendOptions.local` of a request may say to the upscaler. */
export const noiseOptionsSchema = z.strictObject({
  /** The step of training whose noise is laid over the small picture: more lets more be invented. Default 20, as in diffusers. */
  noiseLevel: z.int().min(0).max(999).optional(),
});

/** @throws InvalidRequestError above the model's `max_noise_level`. */
export function noiseLevelOf({ backendOptions }: GenerationRequest, { index }: Model): number {
  const { noiseLevel = 20 } = noiseOptionsSchema.parse(backendOptions.local ?? {});
  const max = typeof index.max_noise_level === "number" ? index.max_noise_level : 350;
  if (noiseLevel <= max) return noiseLevel;
  const message = `must be at most ${max}, the model's max_noise_level`;
  throw new InvalidRequestError([{ field: "backendOptions.local.noiseLevel", message }], { backend: "local" });
}
