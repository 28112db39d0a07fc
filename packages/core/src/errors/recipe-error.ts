import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A file holds no recipe, or one that cannot be read or followed here. */
export class RecipeError extends LatentKitError {
  override readonly name = "RecipeError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("recipe", message, details);
  }

  static override isInstance(error: unknown): error is RecipeError {
    return LatentKitError.isInstance(error) && error.code === "recipe";
  }
}
