import { InvalidRequestError } from "@latentkit/core";

/**
 * Timesteps of an image-to-image over a latent consistency model: evenly chosen from the first `strength` of those that it was
 * distilled at, so that all `steps` are run, as diffusers' LatentConsistencyModelImg2ImgPipeline.
 *
 * @throws InvalidRequestError where the strength leaves fewer than `steps`.
 */
export function distilledTimesteps(steps: number, strength: number, distilled: number, trained: number): number[] {
  const left = Math.floor(distilled * strength);
  if (left < steps) {
    const most = `at most ${left} steps, or at least ${steps / distilled} with ${steps} steps`;
    const message = `leaves ${left} of the ${distilled} timesteps that the model was distilled at: ${most}`;
    throw new InvalidRequestError([{ field: "strength", message }], { backend: "local" });
  }
  const stride = Math.floor(trained / distilled);
  return Array.from({ length: steps }, (_, i) => (left - Math.floor((i * left) / steps)) * stride - 1);
}
