import { addNoise, blendInpaint, type Grid, type ImageNoise, startFromNoise } from "@latentkit/core/diffusion";
import type { LoadedModel } from "../engine/loaded-model.ts";
import { drawLatent } from "./latents.ts";

/** What an image starts from, beside noise. */
export interface Source {
  /** The input picture's distribution, from the VAE's encoder. */
  moments?: Float32Array;
  /** 1 where to paint anew: inpainting, `[height, width]` of a latent. */
  mask?: Float32Array;
  strength: number;
  /** Whether the picture's latent is its distribution's mean, as in ComfyUI, instead of drawn from it. */
  mean?: boolean;
}

/** Where sampling starts, and what keeps the rest of an inpainted picture as it was. */
export interface Start {
  x: Float32Array;
  /** To be called with the latent after each step: it is written to. */
  keep?: (x: Float32Array, step: number) => void;
}

/** The first latent of one image. Random numbers are drawn in diffusers' order: the picture's latent before the noise. */
export function startOf(
  model: LoadedModel,
  { moments, mask, strength, mean }: Source,
  grid: Grid,
  noise: ImageNoise,
): Start {
  if (moments === undefined) return { x: startFromNoise(grid, noise.first) };
  const latent = drawLatent(model, moments, mean ? (n) => new Float32Array(n) : noise.draw);
  const { first } = noise;
  if (mask === undefined) return { x: addNoise(grid, latent, first) };
  // diffusers' inpainting also encodes the masked picture, which a 4-channel UNet then does not look at.
  noise.draw(latent.length);
  const x = strength === 1 ? startFromNoise(grid, first) : addNoise(grid, latent, first);
  return { x, keep: (state, step) => void blendInpaint(state, step, { grid, latent, noise: first, mask }) };
}
