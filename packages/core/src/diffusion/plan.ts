import { comfyOptions, discardsPenultimate } from "./comfy-habits.ts";
import { type Grid, type GridRequest, requireFalling, sliceAsAsked } from "./grid.ts";
import { inWorkspace } from "./in-workspace.ts";
import { invalid, requireInteger } from "./invalid.ts";
import type { NoiseConvention } from "./noise/image-noise.ts";
import { type NoiseSchedule, withFiniteSigmas } from "./noise-schedule.ts";
import { denoiser, type Network, type Prediction, predictions } from "./prediction.ts";
import { checkSigmas, type Halfway, type NoiseSource, type Sampler, type SamplerStep } from "./sampler.ts";
import { checkSamplerOptions } from "./sampler-options.ts";
import { type SamplerName, samplerNames, samplers } from "./samplers.ts";
import { MAX_STEPS, makeSigmas, type SchedulerName, type SchedulerOptions, schedulerNames } from "./schedulers.ts";
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
  /**
   * Whose numbers a sampler's name stands for, where they differ. The levels are ComfyUI's unless it is `a1111`; with `comfyui`, `deis`,
   * `sa_solver`, `uni_pc` and (on flow models) `dpmpp_2m` compute as there too, else as in their papers and diffusers.
   */
  convention?: NoiseConvention | undefined;
}

/** Pairs a sampler with a scheduler as ComfyUI does: levels from the scheduler, timesteps from the levels. */
export function makePlan(plan: PlanOptions): Plan {
  const { sampler, scheduler, prediction, schedulerOptions, timesteps: told = "nearest", convention } = plan;
  if (!samplerNames.includes(sampler)) invalid("sampler", `unknown sampler ${String(sampler)}`, samplerNames);
  if (!schedulerNames.includes(scheduler))
    invalid("scheduler", `unknown scheduler ${String(scheduler)}`, schedulerNames);
  const schedule = shifted(withFiniteSigmas(plan.schedule), schedulerOptions?.shift);
  const { space } = schedule;
  checkPairing(sampler, prediction, space);
  checkSamplerOptions(sampler, plan.options, space);
  const options = { ...comfyOptions(sampler, schedule, convention === "comfyui"), ...plan.options };
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
      // At the model's own largest level the signal is part of the noise's variance (ComfyUI's max_denoise); A1111 leaves it out.
      const isMax = convention !== "a1111" && space === "ve" && first >= schedule.sigmaMax * (1 - 1e-5);
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
    if (steps !== undefined) return namedLevels(steps);
    requireFalling("timesteps", timesteps!);
    const most = schedule.sigmaToTimestep(schedule.sigmaMax);
    if (timesteps![0]! > most + 1e-6)
      invalid("timesteps", `entry 0 is ${timesteps![0]}; the model was trained up to ${Math.round(most)}`);
    return Float64Array.from([...timesteps!.map((t) => schedule.timestepToSigma(t)), 0]);
  }

  function namedLevels(steps: number): Float64Array {
    requireInteger("steps", steps, 1, MAX_STEPS);
    if (!discardsPenultimate(sampler, convention)) return makeSigmas(scheduler, steps, schedule, schedulerOptions);
    const sigmas = makeSigmas(scheduler, steps + 1, schedule, schedulerOptions);
    return Float64Array.from([...sigmas.slice(0, -2), sigmas.at(-1)!]);
  }
}

function shifted(schedule: NoiseSchedule, shift: number | undefined): NoiseSchedule {
  if (shift === undefined) return schedule;
  return schedule.withShift?.(shift) ?? invalid("schedulerOptions.shift", "is for flow models");
}

/** Refuses what would come to light in the first step. */
function checkPairing(sampler: SamplerName, prediction: Prediction, space: Space): void {
  if (!predictions.includes(prediction)) invalid("prediction", `unknown prediction ${String(prediction)}`, predictions);
  if ((prediction === "flow_prediction") !== (space === "flow"))
    invalid("prediction", `${prediction} doesn't go with a schedule of the ${space} space`);
  if (sampler === "consistency" && space !== "ve")
    invalid("sampler", "consistency is for models with betas or of EDM's kind, not for flow models");
}
