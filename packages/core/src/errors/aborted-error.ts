import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The caller cancelled. Its `name` is `AbortError`, as Fetch's is, so generic abort handling recognises it. */
export class AbortedError extends LatentKitError {
  override readonly name = "AbortError";

  constructor(message = "The generation was cancelled.", details: ErrorDetails = {}) {
    super("aborted", message, details);
  }

  static override isInstance(error: unknown): error is AbortedError {
    return LatentKitError.isInstance(error) && error.code === "aborted";
  }
}
