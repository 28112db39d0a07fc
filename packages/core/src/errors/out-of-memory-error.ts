import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** There was not enough memory for the model at the requested size. */
export class OutOfMemoryError extends LatentKitError {
  override readonly name = "OutOfMemoryError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("out_of_memory", message, details);
  }

  static override isInstance(error: unknown): error is OutOfMemoryError {
    return LatentKitError.isInstance(error) && error.code === "out_of_memory";
  }
}
