import { AbortedError } from "./aborted-error.ts";
import { AuthenticationError } from "./authentication-error.ts";
import { BudgetError } from "./budget-error.ts";
import { BusyError } from "./busy-error.ts";
import { ConnectionError } from "./connection-error.ts";
import { ContentRefusedError } from "./content-refused-error.ts";
import { EngineError } from "./engine-error.ts";
import { GenerationError } from "./generation-error.ts";
import { ImageError } from "./image-error.ts";
import { InvalidRequestError } from "./invalid-request-error.ts";
import type { Issue } from "./issue.ts";
import { type ErrorDetails, LatentKitError, type SerializedError } from "./latentkit-error.ts";
import { ModelError } from "./model-error.ts";
import { NotFoundError } from "./not-found-error.ts";
import { OutOfMemoryError } from "./out-of-memory-error.ts";
import { RateLimitError } from "./rate-limit-error.ts";
import { RecipeError } from "./recipe-error.ts";
import { TimeoutError } from "./timeout-error.ts";
import { UnsupportedError } from "./unsupported-error.ts";

type Make = (message: string, details: ErrorDetails) => LatentKitError;

const makers: Readonly<Record<string, Make>> = {
  aborted: (message, details) => new AbortedError(message, details),
  authentication: (message, details) => new AuthenticationError(message, details),
  budget: (message, details) => new BudgetError(message, details),
  busy: (message, details) => new BusyError(message, details),
  connection: (message, details) => new ConnectionError(message, details),
  content_refused: (message, details) => new ContentRefusedError(message, details),
  engine: (message, details) => new EngineError(message, details),
  generation: (message, details) => new GenerationError(message, details),
  image: (message, details) => new ImageError(message, details),
  invalid_request: (_, details) => new InvalidRequestError(issuesOf(details), details),
  model: (message, details) => new ModelError(message, details),
  not_found: (message, details) => new NotFoundError(message, details),
  out_of_memory: (message, details) => new OutOfMemoryError(message, details),
  rate_limit: (message, details) => new RateLimitError(message, details),
  recipe: (message, details) => new RecipeError(message, details),
  timeout: (message, details) => new TimeoutError(message, details),
  unsupported: (_, details) => new UnsupportedError(issuesOf(details), details),
};

/**
 * An error that another process told of, as the error that it was there; one of a code that is not known keeps its code.
 *
 * @param backend stands in the error in place of the other process's.
 */
export function reviveError(told: Partial<SerializedError>, backend?: string): LatentKitError {
  const { code = "generation", message = "The job failed.", retryable = false, details = {} } = told;
  const about: ErrorDetails = { retryable, details };
  const named = backend ?? told.backend;
  if (named !== undefined) about.backend = named;
  const make = Object.hasOwn(makers, code) ? makers[code] : undefined;
  return make === undefined ? new LatentKitError(code, message, about) : make(message, about);
}

function issuesOf({ details = {} }: ErrorDetails): Issue[] {
  const { issues } = details;
  const known = Array.isArray(issues) ? issues.filter(isIssue) : [];
  return known.length > 0 ? known : [{ field: "", message: "the request was refused" }];
}

function isIssue(told: unknown): told is Issue {
  const { field, message } = (told ?? {}) as Partial<Issue>;
  return typeof field === "string" && typeof message === "string";
}
