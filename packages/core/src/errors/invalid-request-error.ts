import { boundedIssues, describeIssues, type Issue } from "./issue.ts";
import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** A request (or option) is malformed or out of range. Raised before any work is done. */
export class InvalidRequestError extends LatentKitError {
  override readonly name = "InvalidRequestError";
  /** Every problem found, each with its field. */
  readonly issues: readonly Issue[];

  constructor(all: readonly Issue[], details: ErrorDetails = {}) {
    const issues = boundedIssues(all);
    super("invalid_request", `Invalid request: ${describeIssues(issues)}`, {
      ...details,
      details: { ...details.details, issues },
    });
    this.issues = issues;
  }

  static override isInstance(error: unknown): error is InvalidRequestError {
    return LatentKitError.isInstance(error) && error.code === "invalid_request";
  }
}
