import {
  AbortedError,
  type Backend,
  type CallOptions,
  ConnectionError,
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  LatentKitError,
  parseRequest,
} from "@latentkit/core";
import { traceFrom } from "@latentkit/telemetry";
import { context } from "@opentelemetry/api";
import { type Job, UnrecoverableError, WaitingError } from "bullmq";
import type { Redis } from "ioredis";
import { EventWriter, type LiveEvent, type Written } from "./event-log.ts";
import type { JobData } from "./job-data.ts";
import type { Keys } from "./keys.ts";
import { backendId, type ResolvedWorkerOptions } from "./queue-options.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { smallPreview, storeEvent } from "./store/stored-events.ts";
import { loadInputs } from "./store/stored-inputs.ts";

/** What jobs are processed with. */
export interface ProcessorContext {
  backend: Backend;
  options: ResolvedWorkerOptions;
  keys: Keys;
  redis: Redis;
  store: ObjectStore;
}

/** Why a job is left: nobody wants it; another worker has it; it goes back into the queue. */
type Leaving = "cancelled" | "lost" | "handed back";

/** Fulfils jobs of the queue with a backend. */
export class JobProcessor {
  readonly #context: ProcessorContext;
  readonly #running = new Set<AbortController>();

  constructor(context: ProcessorContext) {
    this.#context = context;
  }

  /** Jobs that were handed back and go on at their services: other workers take them up by their handles. */
  goingOn = 0;

  get running(): number {
    return this.#running.size;
  }

  /** Gives what runs back to the queue. */
  handBack(): void {
    for (const controller of this.#running) controller.abort("handed back" satisfies Leaving);
  }

  async process(job: Job<JobData>, token: string, signal: AbortSignal | undefined): Promise<void> {
    const { keys, redis, options } = this.#context;
    const id = job.id!;
    // Whoever writes into Redis may write anything.
    if (typeof job.data !== "object" || job.data === null) job.data = {} as JobData;
    const leaving = new AbortController();
    const onAbort = () => leaving.abort(signal?.reason === "lost" ? "lost" : "cancelled");
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const writer = new EventWriter(redis, keys, { job: id, token, keepMs: options.keepMs });
    this.#running.add(leaving);
    try {
      await writer.begin();
      if ((await redis.exists(keys.cancelled(id))) === 1) leaving.abort("cancelled" satisfies Leaving);
      if (!leaving.signal.aborted) await this.#run(job, writer, leaving);
    } catch (error) {
      if (!leaving.signal.aborted) await this.#fail(job, writer, error);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#running.delete(leaving);
    }
    if (leaving.signal.aborted) await this.#leave(job, token, leaving.signal.reason as Leaving);
  }

  async #run(job: Job<JobData>, writer: EventWriter, leaving: AbortController): Promise<void> {
    // What the backend is given: a job that goes on elsewhere by its handle must not be stopped here.
    const work = new AbortController();
    const call: CallOptions = { signal: work.signal };
    // A span of its own under the one that it was ordered in.
    const within = traceFrom(job.data.trace);
    const events = (await context.with(within, () => this.#source(job, call)))[Symbol.asyncIterator]();
    const left = new Promise<"left">((resolve) => {
      if (leaving.signal.aborted) resolve("left");
      leaving.signal.addEventListener("abort", () => resolve("left"), { once: true });
    });
    const tell = this.#teller(job, writer, leaving, call);
    let goesOn = false;
    let isOver = false;
    try {
      while (!isOver) {
        const pending = events.next();
        const next = await Promise.race([pending, left]);
        if (next === "left") {
          pending.catch(() => {});
          goesOn = leaving.signal.reason !== "cancelled" && job.data.handle !== undefined;
          if (goesOn) this.goingOn++;
          return;
        }
        if (next.done === true) break;
        await tell(next.value);
        isOver = next.value.type === "completed";
      }
    } finally {
      if (!goesOn) {
        if (!isOver) work.abort(new AbortedError());
        await Promise.resolve(events.return?.()).catch(() => {});
      }
    }
    if (isOver) return;
    if (leaving.signal.aborted) return;
    throw new GenerationError("The backend ended without completing the job.", { backend: this.#context.backend.id });
  }

  /** Tells a job's events to who waits for it. */
  #teller(job: Job<JobData>, writer: EventWriter, leaving: AbortController, call: CallOptions) {
    const { backend, store, options } = this.#context;
    let heardAt = Number.NEGATIVE_INFINITY;
    const due = new Set<string>();
    const heed = (written: Written) => {
      if (written !== "ok") leaving.abort(written);
    };
    const pass = (event: LiveEvent) => {
      due.add(event.type);
      writer
        .live(event)
        .then(heed, () => {})
        .finally(() => due.delete(event.type));
    };
    return async (event: GenerationEvent): Promise<void> => {
      if ((event.type === "queued" || event.type === "started") && event.handle !== undefined)
        await job.updateData({ ...job.data, begun: true, handle: event.handle, backend: backend.id });
      if (event.type === "queued") return;
      // Drawing does not wait for Redis: what comes while an answer is due is left out, but for the last step of each phase.
      if (event.type === "progress") {
        const isLast = event.step >= event.steps;
        if (!isLast && (due.has("progress") || performance.now() - heardAt < options.progressMs)) return;
        heardAt = performance.now();
        return pass(event);
      }
      if (event.type === "preview") {
        if (due.has("preview")) return;
        const small = await smallPreview(event, backend, call, options.previewPixels).catch(() => undefined);
        return small === undefined ? undefined : pass(small);
      }
      const stored = await storeEvent(event, job.id!, { store, backend, call });
      if (stored.type !== "started") return heed(await writer.log(stored));
      const { handle: _, ...started } = stored;
      return heed(await writer.log(started));
    };
  }

  /**
   * A job that another worker has begun is gone on with by its handle. One without a handle is made anew where that costs nothing; else nobody
   * knows whether it was billed, and that is said.
   */
  async #source(job: Job<JobData>, call: CallOptions): Promise<AsyncIterable<GenerationEvent>> {
    const { backend, store } = this.#context;
    const { begun = false, handle, backend: of } = job.data;
    const request = parseRequest(await loadInputs(job.data.request, store)) as GenerationRequest;
    if (handle !== undefined && of === backend.id && backend.resume !== undefined)
      return backend.resume({ latentkit: "handle", backend: backend.id, request, data: handle }, call);
    if (begun) {
      const { usdPerImage } = await backend.capabilities(request.model, { signal: call.signal });
      if (usdPerImage !== 0)
        throw new ConnectionError(
          "The worker that had this job died before anybody knew what became of it: it is not begun again, so that nothing is billed twice.",
          { backend: backend.id, retryable: false, details: { outcome: "unknown" } },
        );
    }
    await job.updateData({ ...job.data, begun: true });
    return backend.generate(request, call);
  }

  /** @throws what tells BullMQ whether to try again. */
  async #fail(job: Job<JobData>, writer: EventWriter, error: unknown): Promise<never> {
    const { backend } = this.#context;
    const known = LatentKitError.isInstance(error)
      ? error
      : new GenerationError(error instanceof Error ? error.message : String(error), {
          cause: error,
          backend: backend.id,
        });
    const { handle: _, ...rest } = job.data;
    // It failed in front of us: what was begun is over.
    await job.updateData({ ...rest, begun: false });
    if (known.retryable && job.attemptsMade + 1 < (job.opts.attempts ?? 1)) throw new Error(known.message);
    await writer.log({ type: "error", error: { ...known.toJSON(), backend: backendId } });
    throw new UnrecoverableError(known.message);
  }

  async #leave(job: Job<JobData>, token: string, why: Leaving): Promise<never> {
    if (why === "handed back") {
      const { begun: _, ...rest } = job.data;
      // Stopped in front of us: whoever takes it next may begin it anew.
      await job.updateData(rest.handle === undefined ? rest : { ...rest, begun: true });
      await job.moveToWait(token);
      throw new WaitingError();
    }
    throw new UnrecoverableError(why === "cancelled" ? "cancelled" : "another worker has the job");
  }
}
