import { LatentKitError, neverArrived, RateLimitError } from "@latentkit/core";
import pRetry from "p-retry";

/** How often and how patiently a failed call is made again. */
export interface RetryOptions {
  /** Attempts after the first. Default 4. */
  retries?: number | undefined;
  /** Wait before the second attempt, in milliseconds; it doubles each time, with jitter. Default 500. */
  minDelayMs?: number | undefined;
  /** Longest wait between two attempts, in milliseconds. Default 15 000. */
  maxDelayMs?: number | undefined;
  /** How long one call goes on waiting where the server asks for patience (`Retry-After`). Default 300 000. */
  rateLimitPatienceMs?: number | undefined;
}

/**
 * Whether making the call again cannot do its work twice. A create costs money: it is repeated only where it surely did
 * not arrive, or the server says that it took nothing (429; 409 of a full Cog server; 503 with `Retry-After`).
 */
export function mayRetry(error: unknown, idempotent: boolean): boolean {
  if (!LatentKitError.isInstance(error) || !error.retryable) return false;
  if (idempotent) return true;
  if (RateLimitError.isInstance(error)) return true;
  const { status, retryAfterMs } = error.details;
  if (status === 409 || status === 503) return retryAfterMs !== undefined;
  return status === undefined && neverArrived(error.cause);
}

/** How one call is repeated. */
export interface RetryCall extends RetryOptions {
  /** Whether doing it twice is the same as doing it once. */
  idempotent: boolean;
  signal?: AbortSignal | undefined;
  /** Waits as long as the server asked, holding back other calls too. */
  wait(ms: number): Promise<void>;
}

/**
 * Calls again after failures that may be repeated, with jitter. What succeeded is returned even when the signal aborted
 * meanwhile: a prediction that was created must be known, to be cancelled.
 */
export async function withRetries<T>(attempt: () => Promise<T>, call: RetryCall): Promise<T> {
  const { retries = 4, minDelayMs = 500, maxDelayMs = 15_000, rateLimitPatienceMs = 300_000, idempotent } = call;
  let done: { value: T } | undefined;
  let waited = 0;
  let asks = 0;
  let again = false;
  let lost: unknown;
  const once = async () => {
    call.signal?.throwIfAborted();
    try {
      done = { value: await attempt() };
    } catch (error) {
      if (isLost(error)) lost = error;
      throw error;
    }
  };
  const options = {
    retries,
    minTimeout: minDelayMs,
    maxTimeout: maxDelayMs,
    factor: 2,
    randomize: true,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
    // A wait that the server asked for is not a failed attempt: it is bounded by patience instead.
    shouldConsumeRetry: ({ error }: { error: Error }) => retryAfterOf(error) === undefined,
    onFailedAttempt: async ({ error }: { error: Error }) => {
      again = mayRetry(error, idempotent);
      const asked = retryAfterOf(error);
      if (!again || asked === undefined) return;
      // Never less than a wait of our own, which grows; jitter spreads the many who were told to come back at the same moment.
      const own = Math.min(minDelayMs * 2 ** asks++, maxDelayMs);
      const ms = Math.max(asked, own) * (1 + Math.random() / 10);
      waited += ms;
      again = waited <= rateLimitPatienceMs;
      if (again) await call.wait(ms);
    },
    shouldRetry: () => again,
  };
  try {
    await pRetry(once, options);
  } catch (error) {
    // An abort must not hide that something may have been created.
    if (done === undefined) throw lost ?? error;
  }
  return done!.value;
}

/** Whether an error says that a create may have arrived. */
export function isLost(error: unknown): boolean {
  return LatentKitError.isInstance(error) && error.details.outcome === "unknown";
}

function retryAfterOf(error: Error): number | undefined {
  const asked = LatentKitError.isInstance(error) ? error.details.retryAfterMs : undefined;
  return typeof asked === "number" ? asked : undefined;
}
