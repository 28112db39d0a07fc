import { blend2 } from "./blend.ts";
import { type Grid, type Mix, mixAt } from "./grid.ts";
import { invalid, requireInteger } from "./invalid.ts";
import { alphaOf } from "./space.ts";

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
 * layout's end the image's latent itself, as diffusers' inpainting with a model of 4 channels. Written over `x`.
 *
 * @param step - Steps done, as a {@link SamplerStep} has it.
 */
export function blendInpaint(x: Float32Array, step: number, keep: InpaintKeep): Float32Array {
  const { grid, latent } = keep;
  requireInteger("step", step, 0, grid.steps);
  // A run that stops before the layout's last step leaves its noise in all of the latent.
  const total = (grid.whole ?? grid.sigmas).length - 1;
  return step < grid.steps || grid.offset + step < total
    ? blendMix(x, mixAt(grid, step), keep)
    : blendKnown(x, latent, keep);
}

/**
 * Blends a latent at noise level `sigma` with the image's, noised to that level: for the latents within a step, of the samplers that call
 * the model several times. Written over `x`.
 */
export function blendInpaintAt(x: Float32Array, sigma: number, keep: InpaintKeep): Float32Array {
  return blendMix(x, { alpha: alphaOf(keep.grid.space, sigma), sigma }, keep);
}

function blendMix(x: Float32Array, { alpha, sigma }: Mix, keep: InpaintKeep): Float32Array {
  const { latent, noise } = keep;
  if (latent.length !== noise.length)
    invalid("noise", `has ${noise.length} values for a latent of ${latent.length}; must be the same`);
  return blendKnown(x, blend2(new Float32Array(latent.length), alpha, latent, sigma, noise), keep);
}

function blendKnown(x: Float32Array, known: Float32Array, { mask }: InpaintKeep): Float32Array {
  if (known.length !== x.length) invalid("latent", `has ${known.length} values, must have ${x.length}`);
  if (mask.length === 0 || x.length % mask.length !== 0)
    invalid("mask", `has ${mask.length} values, which doesn't go into a latent of ${x.length}`);
  for (let i = 0, length = x.length; i < length; i++) {
    const m = mask[i % mask.length]!;
    x[i] = (1 - m) * known[i]! + m * x[i]!;
  }
  return x;
}
