import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The client or backend was disposed before the call. */
export class DisposedError extends LatentKitError {
  override readonly name = "DisposedError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("disposed", message, details);
  }

  static override isInstance(error: unknown): error is DisposedError {
    return LatentKitError.isInstance(error) && error.code === "disposed";
  }
}
