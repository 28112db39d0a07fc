import type { Backend } from "../backend.ts";
import { AbortedError } from "../errors/aborted-error.ts";
import { ConfigError } from "../errors/config-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { canBeMadeAnew, JobTrace } from "./failure.ts";
import { wrapped } from "./wrap.ts";

/** How a job is tried again. */
export interface RetryRules {
  /** Tries in all. Default 3. */
  attempts?: number;
  /** Wait before the second try, in milliseconds; it doubles, up to `maxMs`, by chance up to half more. Default 500. */
  minMs?: number;
  /** Default 30 s. A server's own `retryAfterMs` goes before both. */
  maxMs?: number;
}

/**
 * Makes a job again that failed with a `retryable` error, where that is safe: no picture has come, and the failed one has surely ended. A
 * job whose connection broke after the service took it is not made anew: its handle finds it again.
 *
 * @throws ConfigError for a wrong rule.
 */
export function withRetry(backend: Backend, rules: RetryRules = {}): Backend {
  const { attempts = 3, minMs = 500, maxMs = 30_000 } = rules;
  if (!(attempts >= 1) || !(minMs >= 0) || !(maxMs >= minMs))
    throw new ConfigError("withRetry: attempts must be 1 or more, and maxMs no smaller than minMs");
  return wrapped(backend, async function* retried(run, request, { signal, resumed }) {
    for (let attempt = 1; ; attempt++) {
      const trace = new JobTrace();
      try {
        for await (const event of run(request)) {
          trace.note(event);
          yield event;
        }
        return;
      } catch (error) {
        const isRetryable = LatentKitError.isInstance(error) && error.retryable;
        if (signal.aborted || resumed || attempt >= attempts || !isRetryable || !canBeMadeAnew(error, trace))
          throw error;
        const waitMs = waitOf(error, attempt, minMs, maxMs);
        const message = `${backend.id}: try ${attempt} of ${attempts} failed (${error.message}): again in ${Math.round(waitMs)} ms`;
        yield { type: "log", level: "warn", message };
        await pause(waitMs, signal);
      }
    }
  });
}

function waitOf({ details }: LatentKitError, attempt: number, minMs: number, maxMs: number): number {
  const asked = details["retryAfterMs"];
  const own = Math.min(maxMs, minMs * 2 ** (attempt - 1)) * (1 + Math.random() / 2);
  return typeof asked === "number" && asked > own ? asked : own;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(LatentKitError.isInstance(signal.reason) ? signal.reason : new AbortedError());
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}
