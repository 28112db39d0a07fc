import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A server could not be reached, or the connection broke and could not be mended. */
export class ConnectionError extends LatentKitError {
  override readonly name = "ConnectionError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("connection", message, { retryable: true, ...details });
  }

  static override isInstance(error: unknown): error is ConnectionError {
    return LatentKitError.isInstance(error) && error.code === "connection";
  }
}
