import { join } from "node:path";
import { InvalidRequestError } from "@latentkit/core";
import { fromDiffusers, type Plan } from "@latentkit/core/diffusion";
import { modelError } from "../files/model-error.ts";
import { clip } from "../files/quote.ts";
import type { PredictionType } from "./original/prediction.ts";
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

/** A folder's scheduler config with what the caller says that the network predicts. @throws {@link ModelError} where its class can't. */
export function predicting(
  path: string,
  config: Record<string, unknown>,
  prediction: PredictionType | undefined,
): Record<string, unknown> {
  const own = ownPlan(path, config).prediction;
  if (prediction === undefined || prediction === own) return config;
  const changed = { ...config, prediction_type: prediction };
  if (ownPlan(path, changed).prediction === prediction) return changed;
  const message = `prediction: ${path} is sampled by ${config._class_name}, which takes no ${prediction}`;
  throw modelError("unsupported", message, { file: path, option: "prediction" });
}
