import {
  AuthenticationError,
  BodyTooLarge,
  ConnectionError,
  ContentRefusedError,
  connectionCode,
  GenerationError,
  InvalidRequestError,
  LatentKitError,
  NotFoundError,
  neverArrived,
  RateLimitError,
  redact,
  TimeoutError,
} from "@latentkit/core";
import { backendId, extraNames } from "./openai-options.ts";

/** What an answer that says no is known by. */
export interface Refusal {
  /** Such as `"POST /images/generations"`. */
  call: string;
  status: number;
  /** The body's `error`, or what of it there is. */
  error: ToldError;
  requestId?: string | undefined;
  retryAfterMs?: number | undefined;
}

/** An error as OpenAI writes it. */
export interface ToldError {
  message?: string | undefined;
  type?: string | null | undefined;
  code?: string | null | undefined;
  param?: string | null | undefined;
}

/** Our fields of theirs. */
const fields: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(extraNames).map(([ours, theirs]) => [theirs, ours])),
  prompt: "prompt",
  model: "model",
  n: "count",
  size: "width",
  image: "image",
  mask: "mask",
  output_format: "output.format",
  output_compression: "output.quality",
};

const refusing = new Set(["moderation_blocked", "content_policy_violation", "image_generation_user_error"]);
const unpaid = new Set(["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]);

/** The typed error of an answer that says no. */
export function errorOfAnswer({ call, status, error, requestId, retryAfterMs }: Refusal): LatentKitError {
  const { code, type, param } = error;
  const message = redact((error.message ?? "no explanation").slice(0, 2000));
  const details = {
    status,
    call,
    ...(code ? { code } : {}),
    ...(type ? { type } : {}),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const about = { backend: backendId, details };
  if (refusing.has(code ?? "") || refusing.has(type ?? ""))
    return new ContentRefusedError(`The prompt or picture was refused: ${message}`, about);
  if (unpaid.has(code ?? "") || status === 402)
    return new AuthenticationError(`The service asks for payment: ${message}`, about);
  if (status === 401 || status === 403)
    return new AuthenticationError(`The service refused the key: ${message}`, about);
  if (status === 404) return new NotFoundError(`${message} (${call}: is the model's name right, and the url?)`, about);
  if (status === 429) return new RateLimitError(`The service asks for fewer calls: ${message}`, about);
  if (status >= 300 && status < 400)
    return new ConnectionError(
      `${call} was redirected (HTTP ${status}): the key is sent to the option url alone, so this is not followed.`,
      about,
    );
  if (status >= 400 && status < 500) return new InvalidRequestError([{ field: fieldOf(param), message }], about);
  return new GenerationError(`The service failed (HTTP ${status}): ${message}`, { ...about, retryable: true });
}

/** An error in the middle of a stream: it has no status of its own. */
export function errorOfStream(call: string, error: ToldError, requestId: string | undefined): LatentKitError {
  const isRefused = refusing.has(error.code ?? "") || refusing.has(error.type ?? "");
  return errorOfAnswer({ call, status: isRefused ? 400 : 500, error, requestId });
}

function fieldOf(param: string | null | undefined): string {
  if (param === null || param === undefined || param === "") return "";
  return fields[param.replace(/[[.].*$/, "")] ?? `backendOptions.openai.${param}`;
}

/** An error as it was told, of any shape: what is of the wrong type is left out, but for what may explain it. */
export function toldError(told: unknown): ToldError {
  if (typeof told !== "object" || told === null) return { message: told === undefined ? undefined : String(told) };
  const { message, type, code, param } = told as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const why = text(message) ?? (message === undefined || message === null ? undefined : JSON.stringify(message));
  return { message: why, type: text(type), code: text(code), param: text(param) };
}

/** The body of an answer that says no: OpenAI's `error`, or whatever text there is. */
export function toldIn(text: string): ToldError {
  try {
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown };
    return toldError(error ?? { message });
  } catch {
    return { message: text.trim().slice(0, 300) || undefined };
  }
}

/**
 * The server cannot be reached, or went away before its answer was whole. A call that may have arrived is not made again: it may have been
 * billed.
 */
export function connectionError(call: string, cause: unknown): LatentKitError {
  if (LatentKitError.isInstance(cause) && !TimeoutError.isInstance(cause)) return cause;
  const code = connectionCode(cause);
  const details = { call, ...(code === undefined ? {} : { code }) };
  if (cause instanceof BodyTooLarge)
    return new ConnectionError(`${cause.message} (maxBytes).`, {
      cause,
      backend: backendId,
      // It was answered, and billed with that.
      retryable: false,
      details,
    });
  const what = TimeoutError.isInstance(cause) ? cause.message : `${call} got no answer${code ? ` (${code})` : ""}.`;
  if (neverArrived(cause)) return new ConnectionError(what, { cause, backend: backendId, details, retryable: true });
  return new ConnectionError(
    `${what} Whether the picture was made is unknown: the call is not made again, so that nothing is billed twice.`,
    { cause, backend: backendId, retryable: false, details: { ...details, outcome: "unknown" } },
  );
}
