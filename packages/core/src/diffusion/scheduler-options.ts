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
  polyexponential: { ...bounds, rho: { kind: "number", min: 0.01, max: 1000, default: 1 } },
  sgm_uniform: {},
  simple: {},
  ddim_uniform: {},
  beta: {
    alpha: { kind: "number", min: 0.01, max: 100, default: 0.6 },
    beta: { kind: "number", min: 0.01, max: 100, default: 0.6 },
  },
  linear_quadratic: { sigmaMax: level, threshold: { kind: "number", min: 1e-6, max: 0.5, default: 0.025 } },
  kl_optimal: bounds,
  align_your_steps: { model: { kind: "choice", values: alignYourStepsModels, default: "SD1" } },
  gits: {},
  turbo: {},
};

/** What every scheduler takes on a flow model beside. */
export const flowSchedulerOptions: OptionSpecs = { shift: { kind: "number", min: 0.01, max: 100 } };

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
  const all = space === "flow" ? { ...specs, ...flowSchedulerOptions } : specs;
  const owner = { field: "schedulerOptions", owner: `scheduler "${scheduler}"`, space };
  return readOptions(given, all, owner);
}
