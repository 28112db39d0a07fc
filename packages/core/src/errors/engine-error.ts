import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The local engine's process crashed or could not start; the next request starts a fresh one. */
export class EngineError extends LatentKitError {
  override readonly name = "EngineError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("engine", message, { retryable: true, ...details });
  }

  static override isInstance(error: unknown): error is EngineError {
    return LatentKitError.isInstance(error) && error.code === "engine";
  }
}
