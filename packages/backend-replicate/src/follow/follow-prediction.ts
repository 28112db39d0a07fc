import { isEnded, type Prediction } from "../api/prediction.ts";
import type { Dispatchers } from "../http/dispatcher.ts";
import { LinkedAbort } from "../linked-abort.ts";
import { Channel } from "./channel.ts";
import type { PollPacer } from "./poll-pacer.ts";
import { readStream, type StreamMessage } from "./sse.ts";

/** News of a prediction: its whole state, or a message of its stream. */
export type PredictionNews = { kind: "state"; prediction: Prediction } | Exclude<StreamMessage, { kind: "done" }>;

/** How a prediction is followed. */
export interface FollowOptions {
  get(id: string, signal: AbortSignal): Promise<Prediction>;
  pacer: PollPacer;
  /** Milliseconds until the end, as the log estimates. */
  etaMs?: (() => number | undefined) | undefined;
  /** Absent: polling alone. */
  dispatchers?: Dispatchers | undefined;
  signal: AbortSignal;
}

/** A stream that tells the log makes polling a mere safety net. */
const relaxedMs = 15_000;

/**
 * Tells what happens to a prediction until it has ended; the last news is its final state. It is polled, since the state
 * is the truth; where a stream is offered, that brings outputs and logs earlier and says when to look.
 */
export async function* followPrediction(first: Prediction, options: FollowOptions): AsyncGenerator<PredictionNews> {
  const channel = new Channel<PredictionNews>();
  using own = new LinkedAbort(options.signal);
  const { signal } = own;
  const nudge = new Nudge();
  const polling = poll(first, options, channel, nudge, signal);
  const streaming = stream(first, options, channel, nudge, signal);
  try {
    yield* channel;
  } finally {
    own.abort();
    await Promise.allSettled([polling, streaming]);
  }
}

async function poll(
  first: Prediction,
  { get, pacer, etaMs }: FollowOptions,
  channel: Channel<PredictionNews>,
  nudge: Nudge,
  signal: AbortSignal,
): Promise<void> {
  pacer.begin();
  try {
    let prediction = first;
    channel.push({ kind: "state", prediction });
    for (let attempt = 0; !isEnded(prediction); attempt++) {
      const ms = pacer.delay(attempt, etaMs?.());
      // Once the stream says that it is over, the state follows soon: wait little again.
      if (await nudge.orAfter(nudge.relaxed ? Math.max(relaxedMs, ms) : ms, signal)) attempt = -1;
      prediction = await get(first.id, signal);
      channel.push({ kind: "state", prediction });
    }
    channel.close();
  } catch (error) {
    channel.fail(error);
  } finally {
    pacer.end();
  }
}

async function stream(
  { urls, ...first }: Prediction,
  { dispatchers }: FollowOptions,
  channel: Channel<PredictionNews>,
  nudge: Nudge,
  signal: AbortSignal,
): Promise<void> {
  if (urls?.stream === undefined || dispatchers === undefined || isEnded(first as Prediction)) return;
  for await (const message of readStream(urls.stream, { dispatchers, signal })) {
    if (message.kind === "done") break;
    channel.push(message);
    nudge.relaxed ||= message.kind === "logs";
  }
  nudge.relaxed = false;
  nudge.now();
}

/** Lets the stream cut the poller's wait short. */
class Nudge {
  /** Whether the stream tells so much that polling can be rare. */
  relaxed = false;
  #pending = false;
  #wake: (() => void) | undefined;

  now(): void {
    this.#pending = true;
    this.#wake?.();
  }

  /** Waits, until nudged at the latest. @returns whether it was nudged. */
  async orAfter(ms: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (!this.#pending) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      const onAbort = () => resolve();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      signal.throwIfAborted();
    }
    const nudged = this.#pending;
    this.#pending = false;
    return nudged;
  }
}
