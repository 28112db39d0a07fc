import { addNoise, type Grid } from "./grid.ts";
import { invalid } from "./invalid.ts";

/** What a 4-channel model's inpainting keeps outside the mask. */
export interface InpaintKeep {
  grid: Grid;
  /** The image's own latent. */
  latent: Float32Array;
  /** The noise that the run started from. */
  noise: Float32Array;
  /** 1 where to paint, 0 where to keep, in between for both; of the latent's height and width, for all its channels. */
  mask: ArrayLike<number>;
}

/**
 * Blends a step's latent with the image's, noised to the level that the step has reached: `(1 − m)·add_noise(latent) + m·x`, and at the
 * end the image's latent itself, as diffusers' inpainting with a model of 4 channels. Written over `x`.
 *
 * @param step - Steps done, as a {@link SamplerStep} has it.
 */
export function blendInpaint(x: Float32Array, step: number, { grid, latent, noise, mask }: InpaintKeep): Float32Array {
  if (latent.length !== x.length) invalid("latent", `has ${latent.length} values, must have ${x.length}`);
  if (mask.length === 0 || x.length % mask.length !== 0)
    invalid("mask", `has ${mask.length} values, which doesn't go into a latent of ${x.length}`);
  const known = step < grid.steps ? addNoise(grid, latent, noise, step) : latent;
  for (let i = 0, length = x.length; i < length; i++) {
    const m = mask[i % mask.length]!;
    x[i] = (1 - m) * known[i]! + m * x[i]!;
  }
  return x;
}
