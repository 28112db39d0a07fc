import { invalid } from "./invalid.ts";
import { type OptionSpecs, readOptions } from "./option-spec.ts";
import { alignYourStepsModels } from "./schedulers/align-your-steps.ts";
import type { SchedulerName, SchedulerOptions } from "./schedulers.ts";
import type { Space } from "./space.ts";

const level = { kind: "number", min: 1e-9, max: 1e9, flowMax: 1 } as const;
const bounds: OptionSpecs = { sigmaMin: level, sigmaMax: level };

/** What each scheduler takes as options in a request: the one table, for every backend and the documentation. */
export const schedulerOptions: Readonly<Record<SchedulerName, OptionSpecs>> = {
  normal: {},
  karras: { ...bounds, rho: { kind: "number", min: 0.01, max: 1000, default: 7 } },
  exponential: bounds,
  sgm_uniform: {},
  simple: {},
  ddim_uniform: {},
  beta: {},
  linear_quadratic: { sigmaMax: level },
  kl_optimal: bounds,
  align_your_steps: { model: { kind: "choice", values: alignYourStepsModels, default: "SD1" } },
};

/**
 * Reads a request's scheduler options: `sigma_min` and `sigmaMin` are one, and what the scheduler doesn't take is refused.
 *
 * @throws InvalidRequestError naming the option, the scheduler and what it takes.
 */
export function readSchedulerOptions(
  scheduler: SchedulerName,
  given: Readonly<Record<string, unknown>>,
  space?: Space,
): SchedulerOptions {
  const specs = Object.hasOwn(schedulerOptions, scheduler) ? schedulerOptions[scheduler] : undefined;
  if (!specs) return invalid("scheduler", `unknown scheduler ${String(scheduler)}`, Object.keys(schedulerOptions));
  const owner = { field: "schedulerOptions", owner: `scheduler "${scheduler}"`, space };
  return readOptions(given, specs, owner);
}
