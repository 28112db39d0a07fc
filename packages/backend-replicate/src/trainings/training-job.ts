import {
  AbortedError,
  type CompletedEvent,
  type LogEvent,
  type ProgressEvent,
  type QueuedEvent,
  type StartedEvent,
  type WarningEvent,
} from "@latentkit/core";
import { Channel } from "../follow/channel.ts";

/** What a training tells: a generation's events, without pictures. */
export type TrainingEvent = QueuedEvent | StartedEvent | ProgressEvent | LogEvent | WarningEvent | CompletedEvent;

/** What a training ends with. */
export interface TrainingResult {
  trainingId: string;
  /** `owner/name:version`: the `model` of the next request. */
  model: string;
  /** Where the weights lie, for a trainer that tells. */
  weights: string | undefined;
  /** Replicate's own figures, and `billedSeconds`. */
  metrics: Record<string, unknown>;
}

/** Plain data that finds a training again. */
export interface TrainingHandle {
  latentkit: "training";
  trainingId: string;
  destination: string;
}

/** A running training: iterate it for events, await it for the result, cancel it. */
export class TrainingJob implements AsyncIterable<TrainingEvent>, PromiseLike<TrainingResult> {
  readonly #controller = new AbortController();
  readonly #history: TrainingEvent[] = [];
  readonly #readers = new Set<Channel<TrainingEvent>>();
  readonly #result: Promise<TrainingResult>;
  #end: { error?: unknown } | undefined;
  #handle: TrainingHandle | undefined;

  constructor(run: (signal: AbortSignal) => AsyncGenerator<TrainingEvent, TrainingResult>, signal?: AbortSignal) {
    const all = signal === undefined ? this.#controller.signal : AbortSignal.any([signal, this.#controller.signal]);
    this.#result = this.#pump(run(all));
    this.#result.catch(() => {});
  }

  /** Plain data for `resumeTraining`, once the training is known. */
  get handle(): TrainingHandle | undefined {
    return this.#handle;
  }

  /** Cancels on Replicate; the job then ends with an AbortedError. */
  cancel(reason = "The training was cancelled."): void {
    this.#controller.abort(new AbortedError(reason));
  }

  // biome-ignore lint/suspicious/noThenProperty: a job is awaitable by design
  then<T = TrainingResult, E = never>(
    onfulfilled?: ((result: TrainingResult) => T | PromiseLike<T>) | null,
    onrejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    return this.#result.then(onfulfilled, onrejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingEvent> {
    const channel = new Channel<TrainingEvent>();
    for (const event of this.#history) channel.push(event);
    if (this.#end !== undefined) close(channel, this.#end);
    this.#readers.add(channel);
    try {
      yield* channel;
    } finally {
      this.#readers.delete(channel);
    }
  }

  async #pump(events: AsyncGenerator<TrainingEvent, TrainingResult>): Promise<TrainingResult> {
    try {
      while (true) {
        const next = await events.next();
        if (next.done) {
          this.#finish({});
          return next.value;
        }
        if (next.value.type === "queued") this.#handle = next.value.handle as unknown as TrainingHandle;
        this.#history.push(next.value);
        for (const reader of this.#readers) reader.push(next.value);
      }
    } catch (error) {
      this.#finish({ error });
      throw error;
    }
  }

  #finish(end: { error?: unknown }): void {
    this.#end = end;
    for (const reader of this.#readers) close(reader, end);
  }
}

function close(channel: Channel<TrainingEvent>, end: { error?: unknown }): void {
  if ("error" in end) channel.fail(end.error);
  else channel.close();
}
