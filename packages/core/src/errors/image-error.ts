import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** An input image cannot be read, or an output image cannot be encoded or written. */
export class ImageError extends LatentKitError {
  override readonly name = "ImageError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("image", message, details);
  }

  static override isInstance(error: unknown): error is ImageError {
    return LatentKitError.isInstance(error) && error.code === "image";
  }
}
