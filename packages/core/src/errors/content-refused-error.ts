import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The backend refused the prompt or withheld the picture (a safety checker). */
export class ContentRefusedError extends LatentKitError {
  override readonly name = "ContentRefusedError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("content_refused", message, details);
  }

  static override isInstance(error: unknown): error is ContentRefusedError {
    return LatentKitError.isInstance(error) && error.code === "content_refused";
  }
}
