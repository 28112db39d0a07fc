import { TimeoutError } from "../errors/timeout-error.ts";

/** A deadline for an answer's head, which a server could send letter by letter. */
export interface HeadDeadline extends Disposable {
  /** Aborts with a TimeoutError, or as the call's own signal does. */
  readonly signal: AbortSignal;
  /** The head has come. */
  met(): void;
}

/** @param what is what is asked, for the error. */
export function headDeadline(timeoutMs: number, what: string, signal?: AbortSignal): HeadDeadline {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const late = () => controller.abort(new TimeoutError(`${what} did not answer in time (${timeoutMs} ms).`));
  const timer = setTimeout(late, Math.min(timeoutMs, 2 ** 31 - 1));
  return {
    signal: controller.signal,
    met: () => clearTimeout(timer),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}
