import type PQueue from "p-queue";
import { AbortedError } from "../errors/aborted-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { GenerationEvent } from "../events.ts";

/** Passes a job's events on when its turn in a queue has come; who waits is told how many are before. */
export async function* inTurn(
  queue: PQueue,
  events: AsyncIterable<GenerationEvent>,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const waits = queue.size + queue.pending >= queue.concurrency || queue.isPaused || queue.isRateLimited;
  if (waits) yield { type: "queued", position: queue.size + queue.pending };
  const onAbort = () => begun.reject(LatentKitError.isInstance(signal.reason) ? signal.reason : new AbortedError());
  begun.promise.catch(() => {});
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  // The signal takes a job out that still waits, so that it costs no turn.
  const turn = () => {
    begun.resolve();
    return ended.promise;
  };
  queue.add(turn, { signal }).catch(() => {});
  try {
    await begun.promise;
    yield* events;
  } finally {
    signal.removeEventListener("abort", onAbort);
    ended.resolve();
  }
}
