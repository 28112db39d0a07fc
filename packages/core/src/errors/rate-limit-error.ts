import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The server asks for fewer calls; `details.retryAfterMs` says when to come back. */
export class RateLimitError extends LatentKitError {
  override readonly name = "RateLimitError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("rate_limit", message, { retryable: true, ...details });
  }

  static override isInstance(error: unknown): error is RateLimitError {
    return LatentKitError.isInstance(error) && error.code === "rate_limit";
  }
}
