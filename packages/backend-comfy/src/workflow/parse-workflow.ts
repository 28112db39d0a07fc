import { workflowError } from "../comfy-error.ts";
import { parseExact, stringifyExact } from "../http/exact-json.ts";

/**
 * A workflow's JSON for `defineWorkflow`. Unlike `JSON.parse` it keeps seeds beyond 2^53 exact (as bigints), and takes
 * the bare `NaN` that ComfyUI writes.
 *
 * @throws ConfigError when the text is no JSON.
 */
export function parseWorkflow(text: string): unknown {
  try {
    return parseExact(text);
  } catch (cause) {
    throw workflowError(`The workflow is no JSON: ${(cause as Error).message}.`, { cause });
  }
}

/** A workflow as JSON text, with seeds beyond 2^53 as they are. */
export function stringifyWorkflow(workflow: unknown): string {
  return stringifyExact(workflow, 2);
}
