import { boundedIssues, describeIssues, type Issue } from "./issue.ts";
import { type ErrorDetails, LatentKitError } from "./latentkit-error.ts";

/** The request is well-formed, but this backend or model cannot do it. Raised before any work is done. */
export class UnsupportedError extends LatentKitError {
  override readonly name = "UnsupportedError";
  readonly issues: readonly Issue[];

  constructor(all: readonly Issue[], details: ErrorDetails = {}) {
    const issues = boundedIssues(all);
    const who = details.backend === undefined ? "this backend" : `backend "${details.backend}"`;
    super("unsupported", `Not supported by ${who}: ${describeIssues(issues)}`, {
      ...details,
      details: { ...details.details, issues },
    });
    this.issues = issues;
  }

  static override isInstance(error: unknown): error is UnsupportedError {
    return LatentKitError.isInstance(error) && error.code === "unsupported";
  }
}
