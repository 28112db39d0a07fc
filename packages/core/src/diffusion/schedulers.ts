import { invalid, requireInteger } from "./invalid.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";
import { exponentialSigmas } from "./schedulers/exponential.ts";
import { normalSigmas, sgmUniformSigmas, simpleSigmas, withZero } from "./schedulers/from-timesteps.ts";
import { karrasSigmas } from "./schedulers/karras.ts";

/** What the schedulers take besides the number of steps. */
export interface SchedulerOptions {
  /** Lowest and highest noise level; the model's own unless given. Only karras, exponential and kl_optimal use them. */
  sigmaMin?: number;
  sigmaMax?: number;
  /** Karras' ρ, 7 unless given. */
  rho?: number;
}

/** A scheduler: from a number of steps to that many noise levels and a final 0, in the model's own space. */
export type Scheduler = (n: number, schedule: NoiseSchedule, options?: SchedulerOptions) => Float64Array;

const bounds = (schedule: NoiseSchedule, options: SchedulerOptions = {}): [number, number] => [
  options.sigmaMin ?? schedule.sigmaMin,
  options.sigmaMax ?? schedule.sigmaMax,
];

/** Every scheduler, by ComfyUI's name. */
export const schedulers = {
  normal: normalSigmas,
  karras: (n, schedule, options) => withZero(karrasSigmas(n, ...bounds(schedule, options), options?.rho)),
  exponential: (n, schedule, options) => withZero(exponentialSigmas(n, ...bounds(schedule, options))),
  sgm_uniform: sgmUniformSigmas,
  simple: simpleSigmas,
} as const satisfies Record<string, Scheduler>;

/** A scheduler's name. */
export type SchedulerName = keyof typeof schedulers;

/** The names, in the order they are offered. */
export const schedulerNames = Object.keys(schedulers) as SchedulerName[];

/** The noise levels of a named scheduler: `n` levels and a final 0. */
export function makeSigmas(
  name: SchedulerName,
  n: number,
  schedule: NoiseSchedule,
  options?: SchedulerOptions,
): Float64Array {
  const scheduler: Scheduler | undefined = Object.hasOwn(schedulers, name) ? schedulers[name] : undefined;
  if (!scheduler) return invalid("scheduler", `unknown scheduler ${String(name)}`, schedulerNames);
  requireInteger("steps", n, 1, 10_000);
  return scheduler(n, schedule, options);
}
