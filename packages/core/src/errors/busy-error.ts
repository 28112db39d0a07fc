import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** Too many jobs are unfinished already: this one was not begun. The same call may succeed when some have ended. */
export class BusyError extends LatentKitError {
  override readonly name = "BusyError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("busy", message, { retryable: true, ...details });
  }

  static override isInstance(error: unknown): error is BusyError {
    return LatentKitError.isInstance(error) && error.code === "busy";
  }
}
