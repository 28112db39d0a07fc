import {
  addNoise,
  blendInpaint,
  blendInpaintAt,
  type Grid,
  type Halfway,
  type ImageNoise,
  type NoiseConvention,
  ownLevelSamplers,
  type Plan,
  type StepNoise,
  startFromNoise,
} from "@latentkit/core/diffusion";
import type { Beside } from "../families/family.ts";

/** What an image starts from, beside noise. */
export interface Source {
  /** Draws the input picture's latent. */
  picture?: (randn: Randn) => Float32Array;
  /** Whether all images have the latent that the first one's random numbers draw. Inpainting always has. */
  encodedOnce?: boolean | undefined;
  /** 1 where to paint anew: inpainting, `[height, width]` of a latent. */
  mask?: Float32Array;
  strength: number;
  /** Latents that were given: one for all images, or one for each; and what they are. */
  latents?: { data: Float32Array; as: LatentRole };
}

type Randn = (n: number) => Float32Array;

/** A given latent is a `picture`, a noisy `state` of sampling to go on with, or `noise` of unit variance to start from. */
export type LatentRole = "picture" | "state" | "noise";

/** Over which levels an image is made, and with which random numbers. */
export interface StartOptions {
  plan: Plan;
  grid: Grid;
  /** Which image it is. */
  index: number;
  /** Values in a latent. */
  length: number;
  /** Whose order of draws is followed. */
  convention: NoiseConvention;
  noise: ImageNoise;
  /** Those of the first image of the batch, where that is another. */
  firstNoise?: ImageNoise | undefined;
  /** What the network sees beside the latent. */
  beside?: Beside | undefined;
  /** Whether what an inpainting keeps is blended in. Default true. */
  blends?: boolean | undefined;
  /** Whether the picture's latent is drawn in any case. */
  drawsPicture?: boolean | undefined;
}

/** Where sampling starts, and what keeps the rest of an inpainted picture as it was. */
export interface Start {
  x: Float32Array;
  /** To be called with the latent after each step, and its level where it isn't the last: it is written to. */
  keep?: (x: Float32Array, step: number, sigma: number | undefined) => void;
  /** The same within a step. */
  halfway?: Halfway;
  /** What the steps' noise depends on, beside the levels. */
  steps: StepNoise;
  /** The channels beside the latent. */
  beside?: Float32Array | undefined;
}

/**
 * The first latent of one image. Random numbers are drawn in diffusers' order: the picture's latent before the noise. Image-to-image
 * draws one for each image; inpainting encodes the picture once, so that all images of a batch have the first one's. ComfyUI takes the
 * middle of the picture's distribution and A1111 draws from it by a generator that no seed sets: both get the middle.
 */
export function startOf(
  { picture, mask, strength, latents }: Source,
  {
    plan,
    grid,
    index,
    length,
    convention,
    noise,
    firstNoise = noise,
    beside: more,
    blends = true,
    drawsPicture = false,
  }: StartOptions,
): Start {
  const steps: StepNoise = { whole: grid.whole, treeSeed: plan.treeSeed };
  const given = latents && ofImage(latents.data, index, length);
  const draws = convention === "diffusers";
  const middle: Randn = (n) => new Float32Array(n);
  const early = more?.drawn === "before noise" ? more.draw(draws ? noise.draw : middle) : undefined;
  // Whose picture all images have, has drawn this before it.
  if (early && picture && !given && firstNoise !== noise && draws) more?.draw(firstNoise.draw);
  // A latent that has its noise already needs no first noise, and diffusers then draws none.
  if (given && latents.as === "state")
    return { x: given.slice(), steps: { ...steps, skipsFirst: true }, beside: early };
  if (given && latents.as === "noise")
    return { x: startFromNoise(grid, given), steps: { ...steps, skipsFirst: true }, beside: early };
  if (given) return { x: addNoise(grid, given, noise.first), steps, beside: early };
  if (picture === undefined) return { x: startFromNoise(grid, noise.first), steps, beside: early };
  if (mask === undefined) {
    const latent = picture(draws ? firstNoise.draw : middle);
    return { x: addNoise(grid, latent, noise.first), steps, beside: early };
  }
  const whole = strength === 1 && grid.offset === 0;
  // Where nothing is blended and nothing of the picture is left at the start, it is not encoded.
  const latent = blends || drawsPicture || !whole ? picture(draws ? firstNoise.draw : middle) : undefined;
  const { first } = noise;
  // diffusers' inpainting also encodes the masked picture, once for all images; a 4-channel UNet then does not look at it.
  if (firstNoise !== noise) void firstNoise.first;
  const late = more?.drawn === "after noise" ? more.draw(draws ? firstNoise.draw : middle) : undefined;
  if (late === undefined && draws && firstNoise === noise) picture(noise.draw);
  const x = whole ? startFromNoise(grid, first) : addNoise(grid, latent!, first);
  const beside = late ?? early;
  if (!blends) return { x, steps, beside };
  const kept = { grid, latent: latent!, noise: first, mask };
  return {
    x,
    steps,
    beside,
    keep(state, step, sigma) {
      if (!ownLevelSamplers.includes(plan.sampler)) blendInpaint(state, step, kept);
      else if (sigma === undefined) blendInpaint(state, grid.steps, kept);
      else blendInpaintAt(state, sigma, kept);
    },
    // diffusers blends after each call of its scheduler, at the level where the step ends, wherever in it the call is.
    halfway: (state, sigma, index) =>
      void blendInpaintAt(state, plan.scheduler === "diffusers" ? grid.sigmas[index + 1]! : sigma, kept),
  };
}

/** Image `index`'s latent, of one for all images or one for each. */
function ofImage(latents: Float32Array, index: number, length: number): Float32Array {
  return latents.length === length ? latents : latents.subarray(index * length, (index + 1) * length);
}
