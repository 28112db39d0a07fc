import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A request would cost more than what is left of a budget. Raised before anything is billed. */
export class BudgetError extends LatentKitError {
  override readonly name = "BudgetError";

  constructor(message: string, details: ErrorDetails = {}) {
    super("budget", message, details);
  }

  static override isInstance(error: unknown): error is BudgetError {
    return LatentKitError.isInstance(error) && error.code === "budget";
  }
}
