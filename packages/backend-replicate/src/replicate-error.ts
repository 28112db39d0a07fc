import {
  AbortedError,
  AuthenticationError,
  BodyTooLarge,
  ConnectionError,
  ContentRefusedError,
  connectionCode,
  type ErrorDetails,
  GenerationError,
  InvalidRequestError,
  type Issue,
  type LatentKitError,
  NotFoundError,
  OutOfMemoryError,
  RateLimitError,
  TimeoutError,
} from "@latentkit/core";
import { type ErrorBody, ErrorBodySchema } from "./api/error-body.ts";
import type { Prediction } from "./api/prediction.ts";

/** The backend's id, as it stands in every error. */
export const backendId = "replicate";

/** What is known of a call that an HTTP error answered. */
export interface FailedCall {
  method: string;
  /** Path without query: it holds no secret. */
  path: string;
  status: number;
  body: string;
  retryAfterMs?: number | undefined;
}

/** The typed error for an HTTP status of 400 and above. */
export function errorOfResponse({ method, path, status, body, retryAfterMs }: FailedCall): LatentKitError {
  const parsed = parseBody(body);
  const message = detailOf(parsed) ?? (body.trim().slice(0, 300) || "no explanation");
  const details = { status, call: `${method} ${path}`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const about: ErrorDetails = { backend: backendId, details };
  if (status === 401 || status === 403)
    return new AuthenticationError(`Replicate refused the token (HTTP ${status}): ${message}`, about);
  if (status === 402) return new AuthenticationError(`Replicate asks for payment (HTTP 402): ${message}`, about);
  if (status === 404 || status === 410) return new NotFoundError(`Not found on Replicate: ${path}: ${message}`, about);
  if (status === 429) return new RateLimitError(`Replicate asks for fewer calls (HTTP 429): ${message}`, about);
  if (status === 400 || status === 413 || status === 422)
    return new InvalidRequestError(issuesOf(parsed, message), about);
  if (status === 409)
    return new ConnectionError(`The server has no room now (HTTP 409): ${message}`, { ...about, retryable: true });
  return new ConnectionError(`Replicate answered HTTP ${status} to ${method} ${path}: ${message}`, {
    ...about,
    retryable: status >= 500,
  });
}

/** The typed error for a prediction (or training) that ended without success. */
export function errorOfPrediction(prediction: Prediction, what = "prediction"): LatentKitError {
  const { id, status, model, version, urls, deadline, completed_at: end } = prediction;
  const own = textOf(prediction.error);
  const details = {
    predictionId: id,
    status,
    ...(model ? { model } : {}),
    ...(version ? { version } : {}),
    ...(urls?.web ? { url: urls.web } : {}),
  };
  const about: ErrorDetails = { backend: backendId, details };
  const name = `${what} ${id}`;
  if (status === "aborted")
    return new TimeoutError(`Replicate gave up ${name}: its deadline passed before it started.`, about);
  if (status === "canceled") {
    const late = deadline != null && end != null && Date.parse(end) >= Date.parse(deadline);
    return late
      ? new TimeoutError(`Replicate stopped ${name}: its deadline passed while it ran.`, about)
      : new AbortedError(`The ${name} was cancelled on Replicate.`, about);
  }
  const message = own ?? `no explanation was given; its log ends with: ${(prediction.logs ?? "").trim().slice(-300)}`;
  if (/nsfw|safety (checker|filter|system)|flagged|sensitive content|content policy|\(E005\)|moderat/i.test(message))
    return new ContentRefusedError(`The model refused ${name}: ${message}`, about);
  if (/out of memory|CUDA error: out/i.test(message))
    return new OutOfMemoryError(`The model ran out of memory in ${name}: ${message}`, about);
  return new GenerationError(`The ${name} failed: ${message}`, about);
}

/** The server cannot be reached, or stopped in the middle of its answer. */
export function connectionError(call: string, cause: unknown): ConnectionError {
  const code = connectionCode(cause);
  const about = { cause, backend: backendId, details: { call } };
  if (cause instanceof BodyTooLarge) return new ConnectionError(`${cause.message}.`, { ...about, retryable: false });
  if (TimeoutError.isInstance(cause)) return new ConnectionError(cause.message, { ...about, retryable: true });
  return new ConnectionError(`${call} got no answer${code === undefined ? "" : ` (${code})`}.`, {
    cause,
    backend: backendId,
    retryable: true,
    details: { call, ...(code === undefined ? {} : { code }) },
  });
}

function parseBody(body: string): ErrorBody | undefined {
  try {
    return ErrorBodySchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function detailOf(body: ErrorBody | undefined): string | undefined {
  const detail = body?.detail ?? body?.error ?? body?.title;
  return detail === undefined ? undefined : typeof detail === "string" ? detail.trim() : JSON.stringify(detail);
}

/** Replicate names wrong inputs as `invalid_fields`, or in the text as `- input.width: Must be …`; Cog as a list. */
function issuesOf(body: ErrorBody | undefined, message: string): Issue[] {
  const field = (path: string) =>
    path.replace(/^(body\.)?input\.?/, "backendOptions.replicate.input.").replace(/\.$/, "");
  const listed = (body?.invalid_fields ?? []).map((entry) => ({
    field: field(entry.field ?? ""),
    message: entry.description ?? message,
  }));
  if (listed.length > 0) return listed;
  if (Array.isArray(body?.detail)) {
    const cog = body.detail as { loc?: (string | number)[]; msg?: string }[];
    return cog.map(({ loc = [], msg = message }) => ({ field: field(loc.join(".")), message: msg }));
  }
  const named = [...message.matchAll(/^\s*-\s*(input[\w.]*):\s*(.+)$/gm)];
  if (named.length > 0) return named.map(([, path = "", text = ""]) => ({ field: field(path), message: text }));
  return [{ field: "", message }];
}

function textOf(error: unknown): string | undefined {
  if (error === null || error === undefined || error === "") return undefined;
  return typeof error === "string" ? error : JSON.stringify(error);
}
