import type { JobHandle } from "../backend.ts";
import { AbortedError } from "../errors/aborted-error.ts";
import type { CompletedEvent } from "../events.ts";
import type { GeneratedImage } from "../image/generated-image.ts";
import type { Bytes } from "../image/image-file.ts";
import type { GenerationResult } from "../result.ts";
import { appendEvent, EventQueue } from "./event-queue.ts";
import { type EventStreamOptions, eventStream } from "./event-stream.ts";
import { GuardedEmitter } from "./guarded-emitter.ts";
import type { JobRun } from "./job-run.ts";
import type { JobEvent } from "./shown-image.ts";

/** Listeners' arguments by event name: each event by its type, every event as `"event"`, and the two endings. */
export type JobEvents = {
  [E in JobEvent as E["type"]]: (event: E) => void;
} & {
  event: (event: JobEvent) => void;
  /** The job ended well. */
  done: (result: GenerationResult) => void;
  /** The job failed or was cancelled. With no listener nothing is thrown. */
  error: (error: unknown) => void;
};

/** Where a job stands. */
export type JobStatus = "queued" | "running" | "completed" | "failed" | "cancelled";

/**
 * A running generation: iterate it for events, await it for the result, or listen to it. It starts at once and runs
 * once, however many read it; each iterator sees every event from the beginning (of previews, the newest).
 */
export class Job extends GuardedEmitter<JobEvents> implements AsyncIterable<JobEvent>, PromiseLike<GenerationResult> {
  readonly #run: JobRun;
  readonly #result: Promise<GenerationResult>;
  readonly #history: JobEvent[] = [];
  readonly #queues = new Set<EventQueue>();
  #end: { error?: unknown } | undefined;
  #status: JobStatus = "queued";

  constructor(run: JobRun) {
    super();
    this.#run = run;
    this.#result = this.#pump();
    // A job that nobody awaits must not bring the process down: its error stays with its readers.
    this.#result.catch(() => {});
  }

  /** Where the job stands. */
  get status(): JobStatus {
    return this.#status;
  }

  /** Plain data for `client.resume`, once the backend has given it; undefined where it cannot resume. */
  get handle(): JobHandle | undefined {
    return this.#run.handle;
  }

  /** Pictures made so far. */
  get images(): readonly GeneratedImage[] {
    return this.#run.images;
  }

  /** Stops the work itself. The job then ends with an AbortedError; pictures made before stay in `images`. */
  cancel(reason = "The generation was cancelled."): void {
    this.#run.abort(new AbortedError(reason));
  }

  // biome-ignore lint/suspicious/noThenProperty: a job is awaitable by design
  then<T = GenerationResult, E = never>(
    onfulfilled?: ((result: GenerationResult) => T | PromiseLike<T>) | null,
    onrejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    return this.#result.then(onfulfilled, onrejected);
  }

  catch<E = never>(onrejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<GenerationResult | E> {
    return this.#result.catch(onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<GenerationResult> {
    return this.#result.finally(onfinally);
  }

  /**
   * The job as server-sent events, for `new Response(job.toEventStream(), { headers: eventStreamHeaders })`. A reader that goes away
   * cancels the job, unless `cancelOnLeave` is false.
   */
  toEventStream(options: EventStreamOptions = {}): ReadableStream<Bytes> {
    return eventStream(this, options);
  }

  /**
   * The job's events, each from the first. Leaving the loop (`break`, `return`, an error in it) stops the reading and not the job, which
   * others may read or await: `job.cancel()` stops that.
   */
  [Symbol.asyncIterator](): EventQueue {
    const queue: EventQueue = new EventQueue(() => this.#queues.delete(queue));
    for (const event of this.#history) queue.push(event);
    if (this.#end !== undefined) queue.end(this.#end);
    else this.#queues.add(queue);
    return queue;
  }

  async #pump(): Promise<GenerationResult> {
    // Listeners attached right after generate() must see the first event.
    await Promise.resolve();
    let completed: CompletedEvent | undefined;
    try {
      for await (const event of this.#run.events()) {
        if (event.type === "completed") completed = event;
        else this.#publish(event);
      }
      const result = this.#run.result();
      this.#status = "completed";
      if (completed !== undefined) this.#publish(completed);
      this.#close({});
      this.emit("done", result);
      return result;
    } catch (error) {
      this.#status = this.#run.aborted ? "cancelled" : "failed";
      this.#close({ error });
      this.emit("error", error);
      throw error;
    }
  }

  #publish(event: JobEvent): void {
    if (event.type === "started") this.#status = "running";
    appendEvent(this.#history, event);
    for (const queue of this.#queues) queue.push(event);
    (this.emit as (name: string, event: JobEvent) => boolean).call(this, event.type, event);
    this.emit("event", event);
  }

  #close(end: { error?: unknown }): void {
    this.#end = end;
    // Nobody needs an unfinished picture of a job that is over.
    for (let i = this.#history.length - 1; i >= 0; i--)
      if (this.#history[i]!.type === "preview") this.#history.splice(i, 1);
    for (const queue of this.#queues) queue.end(end);
    this.#queues.clear();
  }
}
