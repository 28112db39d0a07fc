import {
  AbortedError,
  AuthenticationError,
  BodyTooLarge,
  BudgetError,
  BusyError,
  ConnectionError,
  ContentRefusedError,
  type ErrorDetails,
  GenerationError,
  ImageError,
  InvalidRequestError,
  type Issue,
  LatentKitError,
  NotFoundError,
  RateLimitError,
  RecipeError,
  redact,
  type SerializedError,
  TimeoutError,
  UnsupportedError,
} from "@latentkit/core";
import { parseError, parseIssues } from "./server-words.ts";

type Make = (message: string, details: ErrorDetails) => LatentKitError;

const makers: Readonly<Record<string, Make>> = {
  aborted: (message, details) => new AbortedError(message, details),
  budget: (message, details) => new BudgetError(message, details),
  busy: (message, details) => new BusyError(message, details),
  content_refused: (message, details) => new ContentRefusedError(message, details),
  generation: (message, details) => new GenerationError(message, details),
  gone: (message, details) => new NotFoundError(message, details),
  image: (message, details) => new ImageError(message, details),
  invalid_request: (_, details) => new InvalidRequestError(issuesOf(details), details),
  not_found: (message, details) => new NotFoundError(message, details),
  rate_limit: (message, details) => new RateLimitError(message, details),
  recipe: (message, details) => new RecipeError(message, details),
  timeout: (message, details) => new TimeoutError(message, details),
  unauthorized: (message, details) => new AuthenticationError(message, details),
  unsupported: (_, details) => new UnsupportedError(issuesOf(details), details),
};

/** An error that the server told of, as the error that it was there. */
export function errorOf(told: Partial<SerializedError>, backend: string, cause?: unknown): LatentKitError {
  const { code = "generation", message = "The server failed.", retryable = false, details = {} } = told;
  const about: ErrorDetails = { backend, retryable, details, ...(cause === undefined ? {} : { cause }) };
  const make = Object.hasOwn(makers, code) ? makers[code] : undefined;
  return make === undefined ? new LatentKitError(code, message, about) : make(message, about);
}

/** An answer that says no, of a server of ours or of what stands before it. */
export function errorOfAnswer(call: string, status: number, text: string, backend: string): LatentKitError {
  const told = parseError(parsed(text));
  if (told !== undefined) return errorOf({ ...told, details: { ...told.details, status } }, backend);
  const message = `${call} was answered with HTTP ${status}: ${redact(text.slice(0, 200)) || "nothing more"}`;
  const about = { backend, details: { status, call } };
  if (status === 401 || status === 403) return new AuthenticationError(message, about);
  if (status === 404) return new NotFoundError(`${message} Is this the address of a LatentKit server?`, about);
  if (status === 429) return new RateLimitError(message, about);
  return new ConnectionError(message, { ...about, retryable: status >= 500 });
}

/** What went wrong before there was an answer. */
export function connectionError(call: string, cause: unknown, backend: string): LatentKitError {
  if (LatentKitError.isInstance(cause)) return cause;
  // Asked again it would be as large.
  if (cause instanceof BodyTooLarge) return new GenerationError(`${cause.message}.`, { backend, cause });
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "no answer";
  return new ConnectionError(`${call}: the server cannot be reached (${code}).`, {
    backend,
    cause,
    retryable: true,
    details: { call },
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function issuesOf({ details = {} }: ErrorDetails): Issue[] {
  const issues = parseIssues(details["issues"]);
  return issues.length > 0 ? issues : [{ field: "", message: "the server refused the request" }];
}
