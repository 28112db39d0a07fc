import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";
import {
  type Grid,
  makePlan,
  type Plan,
  readSchedulerOptions,
  type SamplerName,
  type SchedulerName,
} from "@latentkit/core/diffusion";

/** The scheduler's name that stands for the model's own scheduler_config.json. */
export const ownScheduler = "diffusers";

/** The model's own plan, unless the request names another sampler or scheduler, or the levels themselves. */
export function planOf(request: GenerationRequest, own: Plan): Plan {
  const { sampler = own.sampler, scheduler, schedulerOptions } = request;
  const otherSampler = sampler !== own.sampler;
  const asConfigured = scheduler === undefined || scheduler === ownScheduler;
  if (scheduler === ownScheduler && otherSampler) {
    throw invalid(
      "scheduler",
      `"${ownScheduler}" is the model's own, which goes with sampler "${own.sampler}"; name another scheduler`,
    );
  }
  if (asConfigured && schedulerOptions !== undefined) {
    throw invalid("schedulerOptions", "go with a scheduler that the request names, such as karras");
  }
  if (asConfigured && !otherSampler && !givesLevels(request)) return own;
  const named = asConfigured ? "normal" : (scheduler as SchedulerName);
  return makePlan({
    sampler: sampler as SamplerName,
    scheduler: named,
    schedule: own.schedule,
    prediction: own.prediction,
    schedulerOptions: readSchedulerOptions(named, schedulerOptions ?? {}, own.schedule.space),
  });
}

/** The levels of a run: of a number of steps, unless the request gives them itself. */
export function gridOf(request: GenerationRequest, plan: Plan, steps: number): Grid {
  const { sigmas, timesteps } = request;
  const levels = sigmas ? { sigmas } : timesteps ? { timesteps } : { steps };
  return plan.grid({ ...levels, strength: "strength" in request ? request.strength : 1 });
}

/** Whether the levels are the request's own. */
export function givesLevels({ sigmas, timesteps }: GenerationRequest): boolean {
  return sigmas !== undefined || timesteps !== undefined;
}

function invalid(field: string, message: string): InvalidRequestError {
  return new InvalidRequestError([{ field, message }], { backend: "local" });
}
