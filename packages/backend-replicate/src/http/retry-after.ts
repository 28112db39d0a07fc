/**
 * How long a server asks to wait, in milliseconds: from `Retry-After` (seconds or an HTTP date, RFC 9110 §10.2.3), else
 * from Replicate's "resets in ~30s" in the body.
 */
export function retryAfterMs(header: string | undefined, detail: string, now = Date.now()): number | undefined {
  const value = header?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  // Date.parse takes "-1" for a year: an HTTP date begins with a weekday. One that is past asks for nothing.
  const date = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (date > now) return date - now;
  const seconds = /resets in ~?(\d+(?:\.\d+)?)\s*s/i.exec(detail)?.[1];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}
