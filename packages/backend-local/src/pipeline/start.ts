import {
  addNoise,
  blendInpaint,
  blendInpaintAt,
  type Grid,
  type Halfway,
  type ImageNoise,
  type Plan,
  startFromNoise,
} from "@latentkit/core/diffusion";
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

/** Over which levels an image is made, and with which random numbers. */
export interface StartOptions {
  plan: Plan;
  grid: Grid;
  noise: ImageNoise;
  /** Those of the first image of the batch, where that is another. */
  firstNoise?: ImageNoise | undefined;
}

/** Where sampling starts, and what keeps the rest of an inpainted picture as it was. */
export interface Start {
  x: Float32Array;
  /** To be called with the latent after each step: it is written to. */
  keep?: (x: Float32Array, step: number) => void;
  /** The same within a step. */
  halfway?: Halfway;
}

/**
 * The first latent of one image. Random numbers are drawn in diffusers' order: the picture's latent before the noise. Image-to-image
 * draws one for each image; inpainting encodes the picture once, so that all images of a batch have the first one's.
 */
export function startOf(
  model: LoadedModel,
  { moments, mask, strength, mean }: Source,
  { plan, grid, noise, firstNoise = noise }: StartOptions,
): Start {
  if (moments === undefined) return { x: startFromNoise(grid, noise.first) };
  const { draw } = mask === undefined ? noise : firstNoise;
  const latent = drawLatent(model, moments, mean ? (n) => new Float32Array(n) : draw);
  const { first } = noise;
  if (mask === undefined) return { x: addNoise(grid, latent, first) };
  // diffusers' inpainting also encodes the masked picture, once, which a 4-channel UNet then does not look at.
  if (firstNoise === noise) noise.draw(latent.length);
  const x = strength === 1 ? startFromNoise(grid, first) : addNoise(grid, latent, first);
  const kept = { grid, latent, noise: first, mask };
  return {
    x,
    keep: (state, step) => void blendInpaint(state, step, kept),
    // diffusers blends after each call of its scheduler, at the level where the step ends, wherever in it the call is.
    halfway: (state, sigma, index) =>
      void blendInpaintAt(state, plan.scheduler === "diffusers" ? grid.sigmas[index + 1]! : sigma, kept),
  };
}
