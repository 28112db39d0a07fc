import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A batch's manifest cannot be used: it is no manifest, is damaged, or another batch writes to it. It is left as it is. */
export class ManifestError extends LatentKitError {
  override readonly name = "ManifestError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("manifest", message, details);
  }

  static override isInstance(error: unknown): error is ManifestError {
    return LatentKitError.isInstance(error) && error.code === "manifest";
  }
}
