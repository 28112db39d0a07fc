import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A model, file, job or handle that was asked for does not exist. */
export class NotFoundError extends LatentKitError {
  override readonly name = "NotFoundError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("not_found", message, details);
  }

  static override isInstance(error: unknown): error is NotFoundError {
    return LatentKitError.isInstance(error) && error.code === "not_found";
  }
}
