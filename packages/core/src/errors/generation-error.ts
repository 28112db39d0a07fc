import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The backend accepted the request and failed while fulfilling it. */
export class GenerationError extends LatentKitError {
  override readonly name = "GenerationError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("generation", message, details);
  }

  static override isInstance(error: unknown): error is GenerationError {
    return LatentKitError.isInstance(error) && error.code === "generation";
  }
}
