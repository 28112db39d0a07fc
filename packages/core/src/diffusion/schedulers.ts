import { invalid, requireInteger, requireNumber } from "./invalid.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";
import { type AlignYourStepsModel, alignYourStepsModels, alignYourStepsSigmas } from "./schedulers/align-your-steps.ts";
import { exponentialSigmas, polyexponentialSigmas } from "./schedulers/exponential.ts";
import {
  betaSigmas,
  ddimUniformSigmas,
  klOptimalSigmas,
  linearQuadraticSigmas,
  simpleSigmas,
  turboSigmas,
} from "./schedulers/from-table.ts";
import { normalSigmas, sgmUniformSigmas, withZero } from "./schedulers/from-timesteps.ts";
import { gitsSigmas } from "./schedulers/gits.ts";
import { karrasSigmas } from "./schedulers/karras.ts";

/** What the schedulers take besides the number of steps. */
export interface SchedulerOptions {
  /** Lowest and highest noise level, above 0; the model's own unless given. Only karras, exponential, polyexponential, kl_optimal and linear_quadratic use them. */
  sigmaMin?: number;
  sigmaMax?: number;
  /** Karras' ρ, 7 unless given, or polyexponential's, 1. */
  rho?: number;
  /** The beta distribution's α and β of the scheduler `beta`, 0.6 unless given. */
  alpha?: number;
  beta?: number;
  /** How much of the time, from pure noise, linear_quadratic's linear half covers; 0.025 unless given. */
  threshold?: number;
  /** For flow models: the time shift in place of the model's own. */
  shift?: number;
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
  polyexponential: (n, schedule, options) =>
    withZero(polyexponentialSigmas(n, ...bounds(schedule, options), options?.rho)),
  sgm_uniform: sgmUniformSigmas,
  simple: simpleSigmas,
  ddim_uniform: ddimUniformSigmas,
  beta: (n, schedule, options) => betaSigmas(n, schedule, options?.alpha, options?.beta),
  linear_quadratic: (n, schedule, options) =>
    linearQuadraticSigmas(n, bounds(schedule, options)[1], options?.threshold),
  kl_optimal: (n, schedule, options) => klOptimalSigmas(n, ...bounds(schedule, options)),
  align_your_steps: (n, _, options) => alignYourStepsSigmas(n, options?.model ?? "SD1"),
  gits: (n) => gitsSigmas(n),
  turbo: turboSigmas,
} as const satisfies Record<string, Scheduler>;

/** A scheduler's name. */
export type SchedulerName = keyof typeof schedulers;

/** The names, in the order they are offered. */
export const schedulerNames = Object.keys(schedulers) as SchedulerName[];

/** The schedulers that are tables of levels of models with betas. */
const isTable = (name: SchedulerName): boolean => name === "align_your_steps" || name === "gits";

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
  requireNumber("schedulerOptions.sigmaMin", sigmaMin, Number.MIN_VALUE, 1e9);
  requireNumber("schedulerOptions.sigmaMax", sigmaMax, sigmaMin, 1e9);
  if (options.rho !== undefined) requireNumber("schedulerOptions.rho", options.rho, 0.01, 1000);
  if (options.model !== undefined && !alignYourStepsModels.includes(options.model))
    invalid(
      "schedulerOptions.model",
      `align_your_steps isn't known for ${String(options.model)}`,
      alignYourStepsModels,
    );
  for (const [field, value] of Object.entries({ alpha: options.alpha, beta: options.beta }))
    if (value !== undefined) requireNumber(`schedulerOptions.${field}`, value, 0.01, 100);
  if (options.threshold !== undefined) requireNumber("schedulerOptions.threshold", options.threshold, 1e-6, 0.5);
  if (isTable(name) && schedule.space === "flow")
    invalid(
      "scheduler",
      `${name} is for models with betas`,
      schedulerNames.filter((other) => !isTable(other)),
    );
  return scheduler(n, schedule, options);
}
