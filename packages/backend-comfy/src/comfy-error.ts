import {
  AbortedError,
  AuthenticationError,
  BodyTooLarge,
  ConfigError,
  ConnectionError,
  connectionCode,
  describeIssues,
  type ErrorDetails,
  GenerationError,
  InvalidRequestError,
  type Issue,
  LatentKitError,
  NotFoundError,
  neverArrived,
  OutOfMemoryError,
  RateLimitError,
  TimeoutError,
} from "@latentkit/core";

/** This backend's id. */
export const backendId = "comfy";

/** Error details with the backend's id. */
export function comfyDetails(details: ErrorDetails = {}): ErrorDetails {
  return { backend: backendId, ...details };
}

/** A network failure as a typed error. `details.sent` is false when the server cannot have seen the request. */
export function networkError(cause: unknown, url: string, signal?: AbortSignal): unknown {
  if (LatentKitError.isInstance(cause)) return cause;
  if (signal?.aborted) return abortReason(signal);
  if (cause instanceof BodyTooLarge)
    return new ConnectionError(`${cause.message}.`, comfyDetails({ cause, retryable: false, details: { url } }));
  const code = connectionCode(cause) ?? (cause as Error | undefined)?.name ?? "unknown";
  const details = { url, code, sent: !neverArrived(cause) };
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
    return new TimeoutError(`${url} did not answer in time.`, comfyDetails({ cause, details }));
  }
  const isRefused = isUntrusted(code);
  return new ConnectionError(
    `ComfyUI cannot be reached at ${url}: ${isRefused ? trustHint(code) : code}.`,
    comfyDetails({ cause, details, ...(isRefused ? { retryable: false } : {}) }),
  );
}

/** A certificate that is not accepted: trying again does not help. */
function isUntrusted(code: string): boolean {
  return /CERT|SIGNATURE|ERR_TLS|ERR_SSL/.test(code);
}

function trustHint(code: string): string {
  return `its TLS certificate is not accepted (${code}); give its CA as \`ca\`, or by NODE_EXTRA_CA_CERTS`;
}

/** A WebSocket that could not be opened; the address is shown without its query, which may hold a token. */
export function socketError({ status, error }: { status?: number; error?: unknown }, url: string): ConnectionError {
  const { protocol, host, pathname } = new URL(url);
  const place = `${protocol}//${host}${pathname}`;
  const code = connectionCode(error) ?? "it does not answer";
  const network = isUntrusted(code) ? trustHint(code) : code;
  const why = status === undefined ? network : `the server answered HTTP ${status}`;
  const details = { url: place, ...(status === undefined ? { code } : { status }) };
  return new ConnectionError(
    `No WebSocket could be opened at ${place}: ${why}.`,
    comfyDetails({ cause: error, details, ...(isUntrusted(code) ? { retryable: false } : {}) }),
  );
}

/** The signal's reason as a LatentKit error. */
export function abortReason(signal: AbortSignal): unknown {
  return LatentKitError.isInstance(signal.reason)
    ? signal.reason
    : new AbortedError(undefined, comfyDetails({ cause: signal.reason }));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const orders = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** A server's words without what a terminal would take for orders: colours, titles, cursor moves. */
export function plain(text: string): string {
  return text.replace(orders, "");
}

/** What is wrong with a workflow's file, whose words are as little to be trusted as a server's. */
export function workflowError(message: string, details: ErrorDetails = {}): ConfigError {
  return new ConfigError(plain(message), comfyDetails(details));
}

/** What is wrong with a request or a graph: names of files, nodes and fields are in it, that others chose. */
export function invalidError(issues: readonly Issue[], details: ErrorDetails = {}): InvalidRequestError {
  const clean = issues.map((issue) => ({ ...issue, field: plain(issue.field), message: plain(issue.message) }));
  return new InvalidRequestError(clean, comfyDetails(details));
}

/** An HTTP status that was not wanted, as a typed error. */
export function statusError(status: number, body: string, what: string, retryAfter?: string): LatentKitError {
  const details = { status, body: plain(body.slice(0, 500)) };
  if (status === 401 || status === 403) {
    const hint = "set apiKey or headers, or check that a proxy does not rewrite Host, Origin or Sec-Fetch-Site";
    return new AuthenticationError(`${what}: the server answered HTTP ${status}; ${hint}.`, comfyDetails({ details }));
  }
  if (status === 404) return new NotFoundError(`${what}: the server answered HTTP 404.`, comfyDetails({ details }));
  if (status === 413) {
    const message = "is larger than the server takes (HTTP 413; see ComfyUI's --max-upload-size)";
    return new InvalidRequestError([{ field: what, message }], comfyDetails({ details }));
  }
  if (status === 429) {
    const retryAfterMs = retryAfterMsOf(retryAfter);
    return new RateLimitError(`${what}: too many requests.`, comfyDetails({ details: { ...details, retryAfterMs } }));
  }
  if (status >= 502 && status <= 504) {
    return new ConnectionError(`${what}: a proxy answered HTTP ${status}.`, comfyDetails({ details }));
  }
  return new GenerationError(
    `${what}: the server answered HTTP ${status}.`,
    comfyDetails({ details, retryable: status >= 500 }),
  );
}

/** `Retry-After` is seconds or a date (RFC 9110, 10.2.3); a second where it is neither. */
function retryAfterMsOf(header: string | undefined): number {
  const seconds = Number(header ?? Number.NaN);
  const ms = Number.isNaN(seconds) ? Date.parse(header ?? "") - Date.now() : seconds * 1000;
  return Number.isFinite(ms) && ms > 0 ? ms : 1000;
}

/** The address answers, but not as ComfyUI does. */
export function notComfyError(url: string, what: string, cause?: unknown): ConnectionError {
  return new ConnectionError(
    `${url} is not a ComfyUI server: ${what}.`,
    comfyDetails({ cause, retryable: false, details: { url } }),
  );
}

/** What `execution_error` carries. */
export interface ExecutionFailure {
  node_id?: string;
  node_type?: string;
  exception_message?: string;
  exception_type?: string;
  traceback?: string[];
}

/** A node's exception as a typed error. */
export function executionError(failure: ExecutionFailure, promptId: string): LatentKitError {
  const { exception_type: type = "", traceback } = failure;
  const [node, nodeType, said] = [failure.node_id, failure.node_type, failure.exception_message ?? "no message"].map(
    (text) => (text === undefined ? undefined : plain(String(text)).trim()),
  );
  const last = traceback?.slice(-5).join("");
  const details = { promptId, node, nodeType, exceptionType: plain(type), traceback: last && plain(last) };
  if (/OutOfMemory|OOM/i.test(type) || /out of memory|not enough memory/i.test(said ?? "")) {
    return new OutOfMemoryError(
      `The ComfyUI server ran out of memory in ${nodeType}: ${said}`,
      comfyDetails({ details }),
    );
  }
  return new GenerationError(`ComfyUI failed in node ${node} (${nodeType}): ${said}`, comfyDetails({ details }));
}

/** The server refused the graph: every node's errors, flattened to fields of the request. */
export function refusedError(issues: readonly Issue[], details: Record<string, unknown>): InvalidRequestError {
  return invalidError(
    issues.length > 0 ? issues : [{ field: "", message: "the server refused the graph without saying why" }],
    { details: { ...details, summary: plain(describeIssues(issues)) } },
  );
}
