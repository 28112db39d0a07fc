import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A configuration file, environment variable or backend option is wrong. */
export class ConfigError extends LatentKitError {
  override readonly name = "ConfigError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("config", message, details);
  }

  static override isInstance(error: unknown): error is ConfigError {
    return LatentKitError.isInstance(error) && error.code === "config";
  }
}
