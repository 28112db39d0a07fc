import { join } from "node:path";
import { fromDiffusers, type Plan } from "@latentkit/core/diffusion";
import { modelError } from "../weights/model-error.ts";

/**
 * How a model folder says that it is to be sampled: its scheduler_config.json, followed as diffusers would.
 *
 * @throws {@link ModelError} naming the option that cannot be followed.
 */
export function ownPlan(path: string, config: Record<string, unknown>): Plan {
  try {
    return fromDiffusers(config);
  } catch (cause) {
    const { issues, message } = cause as { issues?: { field: string }[]; message: string };
    if (issues === undefined) throw cause;
    const file = join(path, "scheduler", "scheduler_config.json");
    throw modelError("unsupported", `${file}: ${message}`, { file, option: issues[0]?.field, cause });
  }
}
