import { redact, redactValue } from "../redact.ts";

const marker = Symbol.for("latentkit.error");

/** What every LatentKit error carries beside its message. */
export interface ErrorDetails {
  /** The error this one stands for. */
  cause?: unknown;
  /** Id of the backend that raised it, such as `"local"`. */
  backend?: string;
  /** Whether the same call may succeed when made again, unchanged. Default false. */
  retryable?: boolean;
  /** JSON facts about the failure: a prediction id, a file, an HTTP status. Credentials are removed. */
  details?: Record<string, unknown>;
}

/** As much of a message is looked through for credentials, and as much is kept. */
const [maxRedacted, maxMessage] = [65_536, 8192];

function cut(text: string): string {
  return text.length > maxMessage ? `${text.slice(0, maxMessage)}…` : text;
}

/**
 * The root of the one error family. Recognise members by {@link LatentKitError.isInstance} or by `code`, not by
 * `instanceof`, which fails across two copies of a package.
 */
export class LatentKitError extends Error {
  readonly [marker] = true;
  /** Stable, machine-readable: `"invalid_request"`, `"unsupported"`, `"aborted"` … */
  readonly code: string;
  readonly backend: string | undefined;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, { cause, backend, retryable = false, details = {} }: ErrorDetails = {}) {
    super(cut(redact(message.slice(0, maxRedacted))), cause === undefined ? undefined : { cause });
    this.name = "LatentKitError";
    this.code = code;
    this.backend = backend;
    this.retryable = retryable;
    this.details = redactValue(details) as Record<string, unknown>;
  }

  /** True for any LatentKit error, from whichever copy of the package. */
  static isInstance(error: unknown): error is LatentKitError {
    return typeof error === "object" && error !== null && marker in error;
  }

  /** Plain data for logs and for passing between processes; `cause` is left out, as it may hold anything. */
  toJSON(): SerializedError {
    const { name, code, message, backend, retryable, details } = this;
    return { name, code, message, retryable, ...(backend === undefined ? {} : { backend }), details };
  }
}

/** A {@link LatentKitError} as plain data. */
export interface SerializedError {
  name: string;
  code: string;
  message: string;
  retryable: boolean;
  backend?: string;
  details: Record<string, unknown>;
}
