import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A time limit set by the caller, the backend or the server was reached. */
export class TimeoutError extends LatentKitError {
  override readonly name = "TimeoutError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("timeout", message, { retryable: true, ...details });
  }

  static override isInstance(error: unknown): error is TimeoutError {
    return LatentKitError.isInstance(error) && error.code === "timeout";
  }
}
