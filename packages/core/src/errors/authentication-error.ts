import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A credential is missing, or the server refused it. */
export class AuthenticationError extends LatentKitError {
  override readonly name = "AuthenticationError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("authentication", message, details);
  }

  static override isInstance(error: unknown): error is AuthenticationError {
    return LatentKitError.isInstance(error) && error.code === "authentication";
  }
}
