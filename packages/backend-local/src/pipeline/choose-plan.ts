import type { GenerationRequest } from "@latentkit/core";
import {
  type Grid,
  type GridRequest,
  makePlan,
  type Plan,
  readSchedulerOptions,
  type SamplerName,
  type SchedulerName,
  upToSigma,
} from "@latentkit/core/diffusion";
import { invalidField } from "../invalid-field.ts";

/** The scheduler's name that stands for the model's own scheduler_config.json. */
export const ownScheduler = "diffusers";

/** What a scheduler that a request names keeps to. */
export interface NamedLimits {
  /** The model's levels are laid out up to it. */
  sigmaMax?: number | undefined;
  /** The shift of a flow whose own scheduler shifts each picture by its size. */
  shift?: number | undefined;
}

/** The model's own plan, unless the request names another sampler or scheduler, or the levels themselves. */
export function planOf(
  request: GenerationRequest,
  own: Plan,
  { sigmaMax = Number.POSITIVE_INFINITY, shift }: NamedLimits = {},
): Plan {
  const { sampler = own.sampler, scheduler, schedulerOptions } = request;
  const otherSampler = sampler !== own.sampler;
  const asConfigured = scheduler === undefined || scheduler === ownScheduler;
  if (scheduler === ownScheduler && otherSampler) {
    throw invalidField(
      "scheduler",
      `"${ownScheduler}" is the model's own, which goes with sampler "${own.sampler}"; name another scheduler`,
    );
  }
  if (asConfigured && schedulerOptions !== undefined) {
    throw invalidField("schedulerOptions", "go with a scheduler that the request names, such as karras");
  }
  if (asConfigured && !otherSampler) return ownOver(request, asPipeline(own));
  const named = asConfigured ? "normal" : (scheduler as SchedulerName);
  const options = readSchedulerOptions(named, schedulerOptions ?? {}, own.schedule.space);
  const namesLevels = givesLevels(request) || options.sigmaMax !== undefined;
  const shifted = (shift === undefined ? undefined : own.schedule.withShift?.(shift)) ?? own.schedule;
  const schedule = namesLevels ? shifted : upToSigma(shifted, sigmaMax);
  return makePlan({
    sampler: sampler as SamplerName,
    scheduler: named,
    schedule,
    prediction: own.prediction,
    schedulerOptions: options,
    convention: request.noise?.convention,
    timesteps: request.noise?.convention === "a1111" ? "interpolated" : "nearest",
  });
}

/** What diffusers' pipelines pass to each scheduler that takes it: η = 0, whatever the scheduler's own default (TCD's is 0.3). */
function asPipeline(own: Plan): Plan {
  return own.sampler === "tcd" ? { ...own, options: { ...own.options, eta: 0 } } : own;
}

/**
 * The model's own plan, also over levels that the request gives. Where diffusers' class takes no such list, they are laid out as they are,
 * and all else is the config's.
 */
function ownOver(request: GenerationRequest, own: Plan): Plan {
  const { accepts = [], sampler, schedule, prediction, options, clamp, treeSeed, sigmaData, sigmaMin } = own;
  const given = request.sigmas ? "sigmas" : "timesteps";
  // A plan that steps betas as a flow has levels that only it knows.
  const isOwn = !givesLevels(request) || accepts.includes(given) || (own.space === "flow" && schedule.space !== "flow");
  if (isOwn) return own;
  const plan = makePlan({ sampler, scheduler: "normal", schedule, prediction, options });
  return {
    ...plan,
    // These begin at any level with noise alone, as wide as the network's input.
    ...(own.space === "vp" ? { grid: (levels: GridRequest) => asWideAsInput(plan.grid(levels)) } : {}),
    ...(clamp ? { clamp } : {}),
    ...(treeSeed === undefined ? {} : { treeSeed }),
    ...(sigmaData === undefined ? {} : { sigmaData }),
    ...(sigmaMin === undefined ? {} : { sigmaMin }),
  };
}

function asWideAsInput(grid: Grid): Grid {
  return { ...grid, initNoiseSigma: Math.hypot(1, grid.sigmas[0]!) };
}

/** How a run is laid out where the request doesn't say: see {@link GridRequest}. */
export type OwnLevels = Pick<GridRequest, "sigmas" | "mu"> & { steps: number; tokens: number };

/**
 * The levels of a run: the request's, else the family's, else of a number of steps. `tokens` is the number of image tokens, which a dynamic
 * shift goes by.
 */
export function gridOf(request: GenerationRequest, plan: Plan, { sigmas: own, steps, ...more }: OwnLevels): Grid {
  const { sigmas, timesteps, startStep, endStep } = request;
  const levels = sigmas ? { sigmas } : timesteps ? { timesteps } : own ? { sigmas: own } : { steps };
  // A first step that is named stands in the place of a strength.
  const from = startStep === undefined ? { strength: "strength" in request ? request.strength : 1 } : { startStep };
  const grid = plan.grid({ ...levels, ...from, ...more, ...(endStep === undefined ? {} : { endStep }) });
  const total = (grid.whole ?? grid.sigmas).length - 1;
  const isNone = grid.steps === 0;
  if (isNone && startStep !== undefined)
    throw invalidField("startStep", `must be below the number of steps (${total})`);
  if (isNone && grid.offset < total)
    throw invalidField("endStep", `must be above the first step that is run (${grid.offset})`);
  return grid;
}

/** Whether the levels are the request's own. */
export function givesLevels({ sigmas, timesteps }: GenerationRequest): boolean {
  return sigmas !== undefined || timesteps !== undefined;
}
