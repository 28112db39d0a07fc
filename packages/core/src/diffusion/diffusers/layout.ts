import type { Grid } from "../grid.ts";
import { sliceByStrength } from "../grid.ts";
import { requireInteger } from "../invalid.ts";
import type { NoiseSchedule } from "../noise-schedule.ts";
import type { Plan } from "../plan.ts";
import type { Prediction } from "../prediction.ts";
import type { SamplerName } from "../samplers.ts";
import { fromRatio, ratioOf, type Space } from "../space.ts";

/** The levels that one diffusers scheduler's `set_timesteps(n)` lays out; `sigmas` as it keeps them, σ = √((1−ᾱ)/ᾱ). */
export interface Layout {
  timesteps: Float64Array;
  sigmas: Float64Array;
  /** σ where each step lands, where that isn't the next level. */
  targets?: Float64Array;
  initNoiseSigma: number;
  /** Sampler options that depend on the number of steps. */
  options?: object;
}

/** One diffusers scheduler, read from its config: everything of a {@link Plan} but the grid, and its `set_timesteps`. */
export interface DiffusersPlan {
  sampler: SamplerName;
  prediction: Prediction;
  schedule: NoiseSchedule;
  space: Space;
  options?: object;
  sigmaData?: number;
  clamp?: (denoised: Float32Array) => void;
  maxSteps?: number;
  timestepOf?: (sigma: number) => number;
  setTimesteps(steps: number): Layout;
}

/** Makes a plan of a scheduler's reading. */
export function planFrom(source: DiffusersPlan): Plan {
  const { setTimesteps, maxSteps = 10_000, options = {}, timestepOf, ...rest } = source;
  const { space, schedule } = source;
  return {
    ...rest,
    scheduler: "diffusers",
    options,
    timestepOf: timestepOf ?? ((sigma) => schedule.sigmaToTimestep(ratioOf(space, sigma))),
    grid({ steps, strength }) {
      requireInteger("steps", steps, 1, maxSteps);
      const layout = setTimesteps(steps);
      const grid: Grid = {
        space,
        sigmas: layout.sigmas.map((sigma) => fromRatio(space, sigma)),
        timesteps: layout.timesteps,
        ...(layout.targets ? { targets: layout.targets.map((sigma) => fromRatio(space, sigma)) } : {}),
        ...(layout.options ? { options: layout.options } : {}),
        initNoiseSigma: layout.initNoiseSigma,
        steps: layout.sigmas.length - 1,
      };
      return sliceByStrength(grid, strength);
    },
  };
}
