import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A model's files are missing, malformed, unsupported or not a model at all; `details.file` (and `tensor`) says which. */
export class ModelError extends LatentKitError {
  override readonly name = "ModelError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("model", message, details);
  }

  static override isInstance(error: unknown): error is ModelError {
    return LatentKitError.isInstance(error) && error.code === "model";
  }
}
