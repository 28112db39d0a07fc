import { neverArrived } from "../errors/connection-code.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { GenerationEvent } from "../events.ts";

/** How far a job had come when it failed. */
export class JobTrace {
  /** A service has taken the job, or work has begun. */
  taken = false;
  /** A picture has come. */
  hasImage = false;

  note(event: GenerationEvent): void {
    if (event.type === "started" || (event.type === "queued" && event.handle !== undefined)) this.taken = true;
    if (event.type === "image") this.hasImage = true;
  }
}

/** The caller's own doing: no other backend would fare better, or none should. */
const final = new Set(["aborted", "disposed", "invalid_request", "recipe", "budget"]);
/** After these it is not known whether the service goes on with a job that it has taken. */
const unsure = new Set(["connection", "timeout"]);

/**
 * Whether a job that failed can be made anew, by the same backend or another, without anything being made or billed twice: the error is not
 * the caller's own, no picture has come, and the failed job has surely ended. `free` is a backend that bills nothing.
 */
export function canBeMadeAnew(error: unknown, trace: JobTrace, free = false): boolean {
  const code = LatentKitError.isInstance(error) ? error.code : "generation";
  if (final.has(code) || trace.hasImage) return false;
  if (!unsure.has(code) || free) return true;
  return !trace.taken && neverArrived(error);
}
