import { blend2, scale } from "./blend.ts";
import { invalid, requireInteger, requireNumber } from "./invalid.ts";
import { alphaOf, type Space } from "./space.ts";

/** How a run is laid out over the noise levels: by `steps`, or by the levels or timesteps themselves. */
export interface GridRequest {
  /** Number of steps, at least 1. */
  steps?: number;
  /** The network's timesteps, falling, instead of a number of steps. */
  timesteps?: readonly number[];
  /** The noise levels, falling, instead of a number of steps, in the model's own space. */
  sigmas?: readonly number[];
  /** μ of a dynamic shift, for the flow schedulers that have one: {@link dynamicShift} of the number of image tokens. */
  mu?: number;
  /** The number of image tokens, which μ follows from with the scheduler_config.json's own options, where it isn't given. */
  tokens?: number;
  /** The first step to run, from 0 (ComfyUI's start_at_step). */
  startStep?: number;
  /** The step to stop before (ComfyUI's end_at_step); what noise is left then stays in the latent. Above the last it is the last. */
  endStep?: number;
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
  /** How many steps of the whole layout come before the first. */
  readonly offset: number;
  /** All levels of the whole layout, where these are a part of it: the first of these is its level `offset`. */
  readonly whole?: Float64Array;
  /** The number of steps asked for, where the layout has another (PNDM's are one a model call). */
  readonly nominalSteps?: number;
  /** What {@link addNoise} mixes at the start of each step, where that isn't the step's level. */
  readonly mixes?: readonly Mix[];
  /** Flow levels of a model with betas: a strength rounds the steps that are kept, as it does for that model's other levels. */
  readonly keepsWholeSteps?: boolean;
}

/** `alpha·latent + sigma·noise`. */
export interface Mix {
  alpha: number;
  sigma: number;
}

/** The latent to start from without an image: `noise · initNoiseSigma`. */
export function startFromNoise(grid: Grid, noise: Float32Array): Float32Array {
  return scale(new Float32Array(noise.length), grid.initNoiseSigma, noise);
}

/** `latent` noised to the level of step `index` (0 is where the run starts): `α·latent + σ·noise`. */
export function addNoise(grid: Grid, latent: Float32Array, noise: Float32Array, index = 0): Float32Array {
  if (latent.length !== noise.length)
    invalid("noise", `has ${noise.length} values for a latent of ${latent.length}; must be the same`);
  requireInteger("index", index, 0, grid.steps);
  const { alpha, sigma } = mixAt(grid, index);
  return blend2(new Float32Array(latent.length), alpha, latent, sigma, noise);
}

/** What {@link addNoise} mixes at step `index`. */
export function mixAt({ mixes, sigmas, space }: Grid, index: number): Mix {
  const sigma = sigmas[index]!;
  return mixes?.[index] ?? { alpha: alphaOf(space, sigma), sigma };
}

/**
 * Drops the steps before the one where image-to-image of that strength starts, as diffusers' pipelines do: `N − min(⌊N·strength⌋, N)`,
 * and in the flow-matching ones `⌊N − min(N·strength, N)⌋`.
 */
export function sliceByStrength(grid: Grid, strength = 1): Grid {
  requireNumber("strength", strength, 0, 1);
  const n = grid.nominalSteps ?? grid.steps;
  const kept = Math.min(n * strength, n);
  const from = grid.space === "flow" && !grid.keepsWholeSteps ? Math.floor(n - kept) : n - Math.floor(kept);
  if (from > grid.steps && strength > 0)
    invalid("strength", `${strength} leaves no step: here, as in diffusers, it is a share of ${n} calls`);
  // Strength 0 runs nothing, also where the layout has more steps than were asked for.
  return sliceSteps(grid, from === n ? grid.steps : from);
}

/** Keeps the steps from `from` up to, not including, `to`. */
export function sliceSteps(grid: Grid, from: number, to: number = grid.steps): Grid {
  requireInteger("startStep", from, 0, grid.steps);
  requireInteger("endStep", to, from, grid.steps);
  if (from === 0 && to === grid.steps) return grid;
  return {
    ...grid,
    sigmas: grid.sigmas.slice(from, to + 1),
    timesteps: grid.timesteps.slice(from, to),
    ...(grid.targets ? { targets: grid.targets.slice(from, to) } : {}),
    ...(grid.mixes ? { mixes: grid.mixes.slice(from, to + 1) } : {}),
    steps: to - from,
    offset: grid.offset + from,
    whole: grid.whole ?? grid.sigmas,
  };
}

/**
 * The part of a whole layout that a request asks for: from its `startStep`, or from the step that its `strength` means, whichever comes
 * later, to its `endStep`; all of them count over the whole layout.
 */
export function sliceAsAsked(grid: Grid, { startStep = 0, endStep, strength }: GridRequest): Grid {
  const { steps } = grid;
  requireInteger("startStep", startStep, 0, steps);
  const end = endStep === undefined ? steps : Math.min(requireInteger("endStep", endStep, 0, MOST_STEPS), steps);
  const strong = sliceByStrength(grid, strength);
  const from = Math.max(startStep, strong.offset);
  // Strength 0 asks for no step, whichever would be the last.
  const last = strong.steps === 0 ? steps : end;
  if (last < from)
    invalid("endStep", `must be at least ${from}, where the run starts, not ${end}`, [`${from} to ${steps}`]);
  return sliceSteps(grid, from, last);
}

/** ComfyUI's own default for the last step. */
const MOST_STEPS = 10_000;

/** Checks that a list of timesteps or sigmas falls. */
export function requireFalling(field: string, values: readonly number[]): void {
  if (values.length === 0) invalid(field, "must not be empty");
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(value) || value < 0) invalid(field, `entry ${i} is ${value}; must be finite and at least 0`);
    if (i > 0 && value >= values[i - 1]!)
      invalid(field, `entry ${i} (${value}) isn't below the one before it (${values[i - 1]}); must fall`);
  }
}
