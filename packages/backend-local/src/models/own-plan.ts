import { join } from "node:path";
import { InvalidRequestError } from "@latentkit/core";
import { fromDiffusers, type Plan } from "@latentkit/core/diffusion";
import { modelError } from "../files/model-error.ts";
import { clip } from "../files/quote.ts";
import { type SchedulerUse, schedulerAsRun } from "./scheduler-as-run.ts";

/**
 * How a model folder says that it is to be sampled: its scheduler_config.json, followed as the pipeline of diffusers that `use`
 * names would follow it.
 *
 * @throws {@link ModelError} naming the option that cannot be followed.
 */
export function ownPlan(path: string, config: Record<string, unknown>, use: SchedulerUse = {}): Plan {
  try {
    return fromDiffusers(schedulerAsRun(config, use));
  } catch (cause) {
    if (!InvalidRequestError.isInstance(cause)) throw cause;
    const [option] = cause.issues.map(({ field }) => field);
    // The class is the index's.
    const file = join(path, option === "_class_name" ? "model_index.json" : "scheduler/scheduler_config.json");
    const problems = cause.issues.map(({ field, message }) => `${field} ${message}`).join("; ");
    throw modelError("unsupported", `${file}: ${clip(problems)}`, { file, option });
  }
}
