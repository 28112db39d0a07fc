import { blend2 } from "./blend.ts";
import { invalid, requireInteger, requireNumber } from "./invalid.ts";
import { alphaOf, type Space } from "./space.ts";

/** How a run is laid out over the noise levels. */
export interface GridRequest {
  /** Number of steps, at least 1. */
  steps: number;
  /** Image-to-image: the share of the steps to run, 0 to 1; 1, all of them, unless given. */
  strength?: number;
}

/** The noise levels of one run, and what the network is told at each. */
export interface Grid {
  readonly space: Space;
  /** One more than there are steps, in `space`, falling. A single level where strength left no step to run. */
  readonly sigmas: Float64Array;
  /** What the network is told at the start of each step. */
  readonly timesteps: Float64Array;
  /** Where each step lands, where that differs from the next step's level. */
  readonly targets?: Float64Array;
  /** Sampler options that depend on the number of steps. */
  readonly options?: object;
  /** Unit noise times this is the latent to start from, when there is no image to start from. */
  readonly initNoiseSigma: number;
  /** Number of steps: `sigmas.length − 1`. */
  readonly steps: number;
}

/** The latent to start from without an image: `noise · initNoiseSigma`. */
export function startFromNoise(grid: Grid, noise: Float32Array): Float32Array {
  return noise.map((value) => value * grid.initNoiseSigma);
}

/** `latent` noised to the level of step `index` (0 is where the run starts): `α·latent + σ·noise`. */
export function addNoise(grid: Grid, latent: Float32Array, noise: Float32Array, index = 0): Float32Array {
  if (latent.length !== noise.length)
    invalid("noise", `has ${noise.length} values for a latent of ${latent.length}; must be the same`);
  requireInteger("index", index, 0, grid.steps);
  const sigma = grid.sigmas[index]!;
  return blend2(new Float32Array(latent.length), alphaOf(grid.space, sigma), latent, sigma, noise);
}

/** Drops the steps before the one where image-to-image of that strength starts: `N − min(⌊N·strength⌋, N)`, as diffusers. */
export function sliceByStrength(grid: Grid, strength = 1): Grid {
  requireNumber("strength", strength, 0, 1);
  const from = grid.steps - Math.min(Math.floor(grid.steps * strength), grid.steps);
  if (from === 0) return grid;
  return {
    ...grid,
    sigmas: grid.sigmas.slice(from),
    timesteps: grid.timesteps.slice(from),
    ...(grid.targets ? { targets: grid.targets.slice(from) } : {}),
    steps: grid.steps - from,
  };
}
