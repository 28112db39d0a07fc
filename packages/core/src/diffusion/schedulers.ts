import { invalid, requireInteger, requireNumber } from "./invalid.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";
import { type AlignYourStepsModel, alignYourStepsModels, alignYourStepsSigmas } from "./schedulers/align-your-steps.ts";
import { exponentialSigmas } from "./schedulers/exponential.ts";
import {
  betaSigmas,
  ddimUniformSigmas,
  klOptimalSigmas,
  linearQuadraticSigmas,
  simpleSigmas,
} from "./schedulers/from-table.ts";
import { normalSigmas, sgmUniformSigmas, withZero } from "./schedulers/from-timesteps.ts";
import { karrasSigmas } from "./schedulers/karras.ts";

/** What the schedulers take besides the number of steps. */
export interface SchedulerOptions {
  /** Lowest and highest noise level, above 0; the model's own unless given. Only karras, exponential, kl_optimal and linear_quadratic use them. */
  sigmaMin?: number;
  sigmaMax?: number;
  /** Karras' ρ, 7 unless given. */
  rho?: number;
  /** Which model align_your_steps is for, `"SD1"` unless given. */
  model?: AlignYourStepsModel;
}

/** A scheduler: from a number of steps to that many noise levels and a final 0, in the model's own space. */
export type Scheduler = (n: number, schedule: NoiseSchedule, options?: SchedulerOptions) => Float64Array;

const bounds = (schedule: NoiseSchedule, { sigmaMin, sigmaMax }: SchedulerOptions = {}): [number, number] => [
  sigmaMin ?? schedule.sigmaMin,
  sigmaMax ?? schedule.sigmaMax,
];

/** Every scheduler, by ComfyUI's name. Adding one is its function and one line here. */
export const schedulers = {
  normal: normalSigmas,
  karras: (n, schedule, options) => withZero(karrasSigmas(n, ...bounds(schedule, options), options?.rho)),
  exponential: (n, schedule, options) => withZero(exponentialSigmas(n, ...bounds(schedule, options))),
  sgm_uniform: sgmUniformSigmas,
  simple: simpleSigmas,
  ddim_uniform: ddimUniformSigmas,
  beta: (n, schedule) => betaSigmas(n, schedule),
  linear_quadratic: (n, schedule, options) => linearQuadraticSigmas(n, bounds(schedule, options)[1]),
  kl_optimal: (n, schedule, options) => klOptimalSigmas(n, ...bounds(schedule, options)),
  align_your_steps: (n, _, options) => alignYourStepsSigmas(n, options?.model ?? "SD1"),
} as const satisfies Record<string, Scheduler>;

/** A scheduler's name. */
export type SchedulerName = keyof typeof schedulers;

/** The names, in the order they are offered. */
export const schedulerNames = Object.keys(schedulers) as SchedulerName[];

/** The most steps a run may have. */
export const MAX_STEPS = 10_000;

/**
 * The noise levels of a named scheduler: `n` levels and a final 0 (ddim_uniform may have one more, beta fewer).
 *
 * @throws InvalidRequestError for an unknown name, a number of steps below 1 or above 10 000, or levels that make no sense.
 */
export function makeSigmas(
  name: SchedulerName,
  n: number,
  schedule: NoiseSchedule,
  options: SchedulerOptions = {},
): Float64Array {
  const scheduler: Scheduler | undefined = Object.hasOwn(schedulers, name) ? schedulers[name] : undefined;
  if (!scheduler) return invalid("scheduler", `unknown scheduler ${String(name)}`, schedulerNames);
  requireInteger("steps", n, 1, MAX_STEPS);
  const [sigmaMin, sigmaMax] = bounds(schedule, options);
  requireNumber("sigmaMin", sigmaMin, Number.MIN_VALUE, 1e9);
  requireNumber("sigmaMax", sigmaMax, sigmaMin, 1e9);
  if (options.rho !== undefined) requireNumber("rho", options.rho, 0.01, 1000);
  if (options.model !== undefined && !alignYourStepsModels.includes(options.model))
    invalid("model", `align_your_steps isn't known for ${String(options.model)}`, alignYourStepsModels);
  if (name === "align_your_steps" && schedule.space === "flow")
    invalid(
      "scheduler",
      "align_your_steps is for models with betas",
      schedulerNames.filter((other) => other !== name),
    );
  return scheduler(n, schedule, options);
}
