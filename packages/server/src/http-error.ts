import { GenerationError, LatentKitError } from "@latentkit/core";

/** An error with the status that it is answered with. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly error: LatentKitError;
  readonly headers: Record<string, string>;

  constructor(status: number, error: LatentKitError, headers: Record<string, string> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** Status of each code: what the client gave is 4xx, what happened to it 5xx. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request: 400,
  recipe: 400,
  image: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  aborted: 409,
  gone: 410,
  too_large: 413,
  media_type: 415,
  unsupported: 422,
  content_refused: 422,
  idempotency: 422,
  model: 422,
  budget: 402,
  rate_limit: 429,
  // The backend's own credentials are none of the client's.
  authentication: 502,
  connection: 502,
  busy: 503,
  shutting_down: 503,
  disposed: 503,
  timeout: 504,
};

/** Any error as the server answers it. What is not known of is not told about. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (!LatentKitError.isInstance(error))
    return new HttpError(500, new GenerationError("The server failed.", { cause: error }));
  const status = statuses[error.code] ?? 500;
  return new HttpError(status, error, status === 429 || status === 503 ? { "retry-after": retryAfter(error) } : {});
}

function retryAfter({ details }: LatentKitError): string {
  const ms = details.retryAfterMs;
  return String(typeof ms === "number" ? Math.max(1, Math.ceil(ms / 1000)) : 2);
}

/** An error of the server's own making. */
export function refuse(code: string, message: string, details: Record<string, unknown> = {}): HttpError {
  const retryable = code === "busy" || code === "shutting_down";
  return toHttpError(new LatentKitError(code, message, { details, retryable }));
}
