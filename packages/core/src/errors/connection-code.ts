/** Codes of a connection that never came about. */
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Error code of a broken connection, such as `"ECONNREFUSED"`, wherever it lies in the chain of causes. */
export function connectionCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    const { code, cause, errors } = at as { code?: unknown; cause?: unknown; errors?: unknown[] };
    if (typeof code === "string" && /^(E[A-Z]+|UND_ERR_|ERR_|[A-Z]+_)/.test(code)) return code;
    at = cause ?? errors?.[0];
  }
  return undefined;
}

/** Whether the connection never came about, so that the server cannot have seen the request: sending it again is safe. */
export function neverArrived(error: unknown): boolean {
  return neverConnected.has(connectionCode(error) ?? "");
}
