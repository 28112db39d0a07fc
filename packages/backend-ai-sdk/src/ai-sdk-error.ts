import {
  AISDKError,
  APICallError,
  InvalidArgumentError,
  LoadAPIKeyError,
  UnsupportedFunctionalityError,
} from "@ai-sdk/provider";
import {
  AuthenticationError,
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
} from "@latentkit/core";
import { backendId } from "./ai-sdk-options.ts";

const refusal = /moderat|safety|nsfw|flagged|sensitive content|content.?policy|blocked by|prohibited/i;

/** An error of a provider's as ours. */
export function errorOf(error: unknown): LatentKitError {
  if (LatentKitError.isInstance(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (APICallError.isInstance(error)) return errorOfCall(error);
  const about = { cause: error, backend: backendId };
  if (LoadAPIKeyError.isInstance(error)) return new AuthenticationError(message, about);
  if (InvalidArgumentError.isInstance(error))
    return new InvalidRequestError([{ field: `backendOptions.ai-sdk.${error.argument}`, message }], about);
  if (UnsupportedFunctionalityError.isInstance(error))
    return new InvalidRequestError([{ field: "", message: `the provider does not do this: ${message}` }], about);
  if (refusal.test(message)) return new ContentRefusedError(message, about);
  if (!AISDKError.isInstance(error) && connectionCode(error) !== undefined) return lost(message, error);
  return new GenerationError(message, about);
}

function errorOfCall(error: APICallError): LatentKitError {
  const { statusCode: status, responseHeaders = {}, isRetryable } = error;
  if (status === undefined) return lost(error.message, error);
  const message = `${redact(error.message)} (HTTP ${status})`;
  const text = `${error.message} ${(error.responseBody ?? "").slice(0, 4000)}`;
  const after = Number.parseFloat(responseHeaders["retry-after"] ?? "");
  const details = { status, ...(after > 0 ? { retryAfterMs: Math.ceil(after * 1000) } : {}) };
  const about = { cause: error, backend: backendId, details };
  if (status === 401 || status === 402 || status === 403) return new AuthenticationError(message, about);
  if (status === 404 || status === 410) return new NotFoundError(message, about);
  if (status === 429) return new RateLimitError(message, about);
  if (status < 500 && refusal.test(text)) return new ContentRefusedError(message, about);
  if (status >= 400 && status < 500) return new InvalidRequestError([{ field: "", message }], about);
  return new GenerationError(message, { ...about, retryable: isRetryable || status >= 500 });
}

/** No answer: whether the service did anything is known only where it was never reached. */
function lost(message: string, cause: unknown): ConnectionError {
  if (neverArrived(cause)) return new ConnectionError(redact(message), { cause, backend: backendId, retryable: true });
  return new ConnectionError(
    `${redact(message)} Whether the picture was made is unknown: the call is not made again, so that nothing is billed twice.`,
    { cause, backend: backendId, retryable: false, details: { outcome: "unknown" } },
  );
}
