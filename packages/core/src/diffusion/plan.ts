import { type Grid, type GridRequest, requireFalling, sliceAsAsked } from "./grid.ts";
import { inWorkspace } from "./in-workspace.ts";
import { invalid } from "./invalid.ts";
import { type NoiseSchedule, withFiniteSigmas } from "./noise-schedule.ts";
import { denoiser, type Network, type Prediction } from "./prediction.ts";
import { checkSigmas, type Halfway, type NoiseSource, type Sampler, type SamplerStep } from "./sampler.ts";
import { type SamplerName, samplerNames, samplers } from "./samplers.ts";
import { makeSigmas, type SchedulerName, type SchedulerOptions, schedulerNames } from "./schedulers.ts";
import type { Space } from "./space.ts";

/** Everything a run needs but the network, the latent and the noise: which sampler, in which space, over which levels. */
export interface Plan {
  readonly sampler: SamplerName;
  /** The scheduler's name; `"diffusers"` where a scheduler_config.json lays out the levels itself. */
  readonly scheduler: SchedulerName | "diffusers";
  readonly prediction: Prediction;
  readonly schedule: NoiseSchedule;
  readonly space: Space;
  /** The sampler's options. */
  readonly options: object;
  /** Sampler options that depend on which steps are run. */
  readonly gridOptions?: (grid: Grid) => object;
  /** The sampler's further calls in a step are between the levels, even where one happens to fall on the next. */
  readonly betweenLevels?: boolean;
  /** EDM's σ_data. */
  readonly sigmaData?: number;
  /** Lowest trained level, which a consistency model's boundary condition needs. */
  readonly sigmaMin?: number;
  /** Seed of the Brownian tree that DPMSolverSDEScheduler takes its noise from, where the config fixes it (`noise_sampler_seed`). */
  readonly treeSeed?: number;
  /** Clips or thresholds each estimate of x0, in place. */
  readonly clamp?: (denoised: Float32Array) => void;
  /** Which levels of a run's own a scheduler_config.json's `grid` takes, where that is not any. */
  readonly accepts?: readonly ("timesteps" | "sigmas")[];
  /** Lays out the noise levels of a run. */
  grid(request: GridRequest): Grid;
  /** What the network is told between the grid's levels. */
  timestepOf(sigma: number): number;
}

/** What {@link runPlan} takes besides the plan. */
export interface PlanRun {
  grid: Grid;
  /** From the scaled latent and its timestep to the network's output, guidance already applied. */
  network: Network;
  /** The latent at the grid's first level: `startFromNoise(grid, noise)`, or `addNoise(grid, latent, noise)`. */
  x: Float32Array;
  /** Noise for the stochastic samplers' steps. */
  noise?: NoiseSource;
  signal?: AbortSignal;
  /** Sampler options that go before the plan's own. */
  options?: object;
  /** For the CFG++ samplers: the network's unconditional output of its last call, which the guided one was made of. */
  uncond?: () => Float32Array;
  /** For the samplers with several calls a step: sees, and may write to, the latent of each but the first. */
  halfway?: Halfway;
}

/**
 * Runs a plan: one yield a step, whose `x` is the latent so far. A grid without steps (strength 0) yields nothing: the start is
 * the result.
 */
export function runPlan(plan: Plan, run: PlanRun): AsyncGenerator<SamplerStep, void, void> {
  return inWorkspace(run.x, (x) => (run.grid.steps === 0 ? noSteps() : stepsOf(plan, { ...run, x })));
}

async function* noSteps(): AsyncGenerator<SamplerStep, void, void> {}

function stepsOf(plan: Plan, run: PlanRun): AsyncGenerator<SamplerStep, void, void> {
  const { grid, network, x, noise, signal, uncond, halfway } = run;
  let uncondEstimate: Float32Array | undefined;
  const model = denoiser(network, {
    prediction: plan.prediction,
    space: grid.space,
    timestepOf: (sigma, index) => timestepAt(plan, grid, sigma, index),
    ...(uncond
      ? {
          observe: (estimate) => {
            uncondEstimate = estimate(uncond());
          },
        }
      : {}),
    ...(plan.sigmaData === undefined ? {} : { sigmaData: plan.sigmaData }),
    ...(plan.sigmaMin === undefined ? {} : { sigmaMin: plan.sigmaMin }),
    ...(plan.clamp ? { clamp: plan.clamp } : {}),
  });
  const options = {
    timesteps: grid.timesteps,
    ...plan.options,
    ...grid.options,
    ...plan.gridOptions?.(grid),
    ...(grid.targets ? { targets: grid.targets } : {}),
    ...(uncond ? { uncond: () => uncondEstimate! } : {}),
    ...run.options,
  };
  const sampler: Sampler = samplers[plan.sampler];
  return sampler({
    model,
    x,
    sigmas: grid.sigmas,
    space: grid.space,
    options,
    ...(noise ? { noise } : {}),
    ...(signal ? { signal } : {}),
    ...(halfway ? { halfway } : {}),
  });
}

function timestepAt(plan: Plan, grid: Grid, sigma: number, index: number): number {
  if (sigma === grid.sigmas[index]) return grid.timesteps[index]!;
  if (!plan.betweenLevels && sigma === grid.sigmas[index + 1] && index + 1 < grid.steps)
    return grid.timesteps[index + 1]!;
  return plan.timestepOf(sigma);
}

/** What {@link makePlan} takes. */
export interface PlanOptions {
  sampler: SamplerName;
  scheduler: SchedulerName;
  schedule: NoiseSchedule;
  prediction: Prediction;
  /** Options for the sampler. */
  options?: object;
  /** Options for the scheduler. */
  schedulerOptions?: SchedulerOptions;
  /**
   * What the network is told between its training timesteps: the `nearest`, as ComfyUI does and the default, or the `interpolated`, as
   * k-diffusion and A1111 do. Continuous-time models are told their own.
   */
  timesteps?: "nearest" | "interpolated";
}

/** Pairs a sampler with a scheduler as ComfyUI does: levels from the scheduler, timesteps from the levels. */
export function makePlan(plan: PlanOptions): Plan {
  const { sampler, scheduler, prediction, options = {}, schedulerOptions, timesteps: told = "nearest" } = plan;
  if (!samplerNames.includes(sampler)) invalid("sampler", `unknown sampler ${String(sampler)}`, samplerNames);
  if (!schedulerNames.includes(scheduler))
    invalid("scheduler", `unknown scheduler ${String(scheduler)}`, schedulerNames);
  const schedule = withFiniteSigmas(plan.schedule);
  const { space } = schedule;
  const whole = told === "nearest" && "alphasCumprod" in schedule;
  const timestepOf = (sigma: number) =>
    whole ? Math.round(schedule.sigmaToTimestep(sigma)) : schedule.sigmaToTimestep(sigma);
  return {
    sampler,
    scheduler,
    prediction,
    schedule,
    space,
    options,
    timestepOf,
    grid(request) {
      const sigmas = levelsOf(request);
      const first = sigmas[0]!;
      // At the model's own largest level the signal is part of the noise's variance (ComfyUI's max_denoise).
      const isMax = space === "ve" && first >= schedule.sigmaMax * (1 - 1e-5);
      const grid: Grid = {
        space,
        sigmas,
        timesteps: sigmas.slice(0, -1).map(timestepOf),
        initNoiseSigma: isMax ? Math.hypot(1, first) : first,
        steps: sigmas.length - 1,
        offset: 0,
      };
      return sliceAsAsked(grid, request);
    },
  };

  function levelsOf({ steps, sigmas, timesteps }: GridRequest): Float64Array {
    if ([steps, sigmas, timesteps].filter((value) => value !== undefined).length !== 1)
      invalid("steps", "give exactly one of steps, sigmas and timesteps");
    if (sigmas) return checkSigmas(sigmas, space);
    if (steps !== undefined) return makeSigmas(scheduler, steps, schedule, schedulerOptions);
    requireFalling("timesteps", timesteps!);
    return Float64Array.from([...timesteps!.map((t) => schedule.timestepToSigma(t)), 0]);
  }
}
