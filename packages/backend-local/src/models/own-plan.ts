import { join } from "node:path";
import { InvalidRequestError } from "@latentkit/core";
import { fromDiffusers, type Plan } from "@latentkit/core/diffusion";
import { modelError } from "../files/model-error.ts";
import { clip } from "../files/quote.ts";

/**
 * How a model folder says that it is to be sampled: its scheduler_config.json, followed as diffusers would.
 *
 * @throws {@link ModelError} naming the option that cannot be followed.
 */
export function ownPlan(path: string, config: Record<string, unknown>): Plan {
  try {
    return fromDiffusers(config);
  } catch (cause) {
    if (!InvalidRequestError.isInstance(cause)) throw cause;
    const file = join(path, "scheduler", "scheduler_config.json");
    const problems = cause.issues.map(({ field, message }) => `${field} ${message}`).join("; ");
    throw modelError("unsupported", `${file}: ${clip(problems)}`, { file, option: cause.issues[0]?.field });
  }
}
