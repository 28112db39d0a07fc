import { setTimeout as sleep } from "node:timers/promises";
import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type CapabilitiesOptions,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
  InvalidRequestError,
  type JobHandle,
  NotFoundError,
  sha256,
} from "@latentkit/core";
import { traceInto } from "@latentkit/telemetry";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { askWorkers } from "./ask-workers.ts";
import type { JobData } from "./job-data.ts";
import { type FollowContext, followJob } from "./job-follower.ts";
import { takePlace } from "./key-limit.ts";
import { type Keys, keysOf, prefix } from "./keys.ts";
import {
  backendId,
  OrderSchema,
  type QueueOptions,
  type ResolvedQueueOptions,
  resolveQueueOptions,
} from "./queue-options.ts";
import { connect, within } from "./redis.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { openStore } from "./store/open-store.ts";
import { storeInputs } from "./store/stored-inputs.ts";

/**
 * Workers behind a queue on Redis as a backend: jobs wait there, whichever worker is free takes them, and events and pictures come back.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: queue({ connection: "redis://127.0.0.1:6379", store: "/srv/pictures" }) });
 * ```
 * @throws ConfigError naming the option that is wrong. Nothing is connected yet.
 */
export function queue(options: QueueOptions = {}): Backend {
  return new QueueBackend(resolveQueueOptions(options));
}

/** What is open towards Redis. */
interface Open {
  redis: Redis;
  /** Subscriptions have a connection of their own. */
  subscriber: Redis;
  queue: Queue<JobData>;
  store: ObjectStore;
}

/** The backend of options that are resolved already. */
export class QueueBackend implements Backend {
  readonly id = backendId;
  readonly #options: ResolvedQueueOptions;
  readonly #keys: Keys;
  #open: Open | undefined;
  readonly #listeners = new Map<string, Set<(news: string) => void>>();
  readonly #known = new Map<string, { at: number; found: Promise<Capabilities> }>();
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ResolvedQueueOptions) {
    this.#options = options;
    this.#keys = keysOf(options.name);
  }

  async capabilities(
    model = this.#options.model,
    { fresh = false, signal }: CapabilitiesOptions = {},
  ): Promise<Capabilities> {
    const key = model ?? "";
    const known = this.#known.get(key);
    if (known !== undefined && !fresh && Date.now() - known.at < this.#options.capabilitiesMs) return known.found;
    const { redis } = this.#opened();
    // A worker may be long about it; Redis may not.
    const found = within(this.#options.connectMs, redis.ping(), "asking workers").then(() =>
      askWorkers(redis, this.#keys, model, signal),
    );
    this.#known.set(key, { at: Date.now(), found });
    found.catch(() => this.#known.delete(key));
    return found;
  }

  generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    return this.#tracked(options, (signal) => this.#order(request, { ...options, signal }));
  }

  resume({ data }: JobHandle, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { id } = data;
    if (typeof id !== "string" || !/^[\w-]{1,100}$/.test(id))
      throw new NotFoundError("The handle names no job.", { backend: backendId });
    return this.#tracked(options, async () => {
      await this.#opened().redis.incr(this.#keys.watchers(id));
      return id;
    });
  }

  async dispose(): Promise<void> {
    this.#disposal.abort();
    // Redis may be away: jobs end by losing their connection then.
    const over = new AbortController();
    const patience = sleep(this.#options.cancelMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([Promise.allSettled([...this.#running]), patience]);
    over.abort();
    if (this.#open === undefined) return;
    const { redis, subscriber, queue: bull } = this.#open;
    this.#open = undefined;
    await bull.close().catch(() => {});
    redis.disconnect();
    subscriber.disconnect();
  }

  #opened(): Open {
    if (this.#disposal.signal.aborted) throw new DisposedError("The backend was disposed.", { backend: backendId });
    if (this.#open !== undefined) return this.#open;
    const { connection, name, store, keepMs } = this.#options;
    const [redis, subscriber] = [connect(connection), connect(connection)];
    subscriber.on("message", (channel: string, text: string) => {
      for (const onNews of this.#listeners.get(channel) ?? []) onNews(text);
    });
    const bull = new Queue<JobData>(name, { connection: redis, prefix, skipVersionCheck: true });
    bull.on("error", () => {});
    this.#open = { redis, subscriber, queue: bull, store: openStore(store, redis, this.#keys, keepMs) };
    return this.#open;
  }

  /** Puts a request into the queue. @returns the job's id: of another one where the same is waited for already. */
  async #order(request: GenerationRequest, options: CallOptions): Promise<string> {
    const { redis, queue: bull, store } = this.#opened();
    const { attempts, keepMs, connectMs, limit } = this.#options;
    const model = request.model ?? this.#options.model;
    const { priority, delayMs, deduplicate, key } = { ...this.#options, ...orderOf(request) };
    const { queue: _, ...backendOptions } = request.backendOptions;
    const own: GenerationRequest = { ...request, backendOptions, ...(model === undefined ? {} : { model }) };
    const stored = await within(connectMs * 6, storeInputs(own, store, options), "storing inputs");
    options.signal.throwIfAborted();
    const place =
      limit === undefined ? 0 : await within(connectMs, takePlace(redis, this.#keys.limit(key ?? ""), limit), "limit");
    const keep = { age: Math.ceil(keepMs / 1000) };
    const id = crypto.randomUUID();
    const delay = delayMs + place;
    const trace = traceInto();
    const order = bull.add(
      "generate",
      { request: stored, ...(Object.keys(trace).length === 0 ? {} : { trace }) },
      {
        jobId: id,
        // BullMQ's go the other way round, from 1.
        priority: 1001 - priority,
        attempts,
        backoff: { type: "exponential", delay: 1000 },
        removeOnComplete: keep,
        removeOnFail: keep,
        ...(delay > 0 ? { delay } : {}),
        ...(deduplicate ? { deduplication: { id: fingerprint(stored) } } : {}),
      },
    );
    const added = await within(connectMs, order, "putting the job into the queue");
    const taken = added.id ?? id;
    await redis.multi().incr(this.#keys.watchers(taken)).pexpire(this.#keys.watchers(taken), Math.round(keepMs)).exec();
    return taken;
  }

  async *#tracked(
    options: CallOptions,
    begin: (signal: AbortSignal) => Promise<string>,
  ): AsyncGenerator<GenerationEvent> {
    const signal = AbortSignal.any([options.signal, this.#disposal.signal]);
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!this.#disposal.signal.aborted) this.#running.add(promise);
    let id: string | undefined;
    let isOver = false;
    try {
      const { redis, queue: bull, store } = this.#opened();
      signal.throwIfAborted();
      id = await begin(signal);
      yield { type: "queued", handle: { id }, ...(await this.#positionOf(id)) };
      const { pollMs } = this.#options;
      const listen = this.#listen.bind(this);
      const context: FollowContext = { redis, queue: bull, keys: this.#keys, store, signal, pollMs, listen };
      for await (const event of followJob(id, context)) {
        isOver = event.type === "completed";
        yield event;
      }
    } catch (error) {
      isOver = !signal.aborted;
      throw error;
    } finally {
      // Redis may be away.
      if (!isOver && id !== undefined)
        await within(this.#options.cancelMs, this.#cancel(id), "cancelling").catch(() => {});
      this.#running.delete(promise);
      resolve();
    }
  }

  async #positionOf(id: string): Promise<{ position?: number }> {
    const { queue: bull } = this.#opened();
    const counts = await bull.getJobCounts("waiting", "prioritized").catch(() => ({}));
    const waiting = Object.values(counts as Record<string, number>).reduce((sum, count) => sum + count, 0);
    const state = await (await bull.getJob(id))?.getState();
    return state === "waiting" || state === "prioritized" ? { position: Math.max(0, waiting - 1) } : {};
  }

  /** Nobody waits for the job any more: one that waits is taken out, one that runs is stopped. */
  async #cancel(id: string): Promise<void> {
    const { redis, queue: bull } = this.#open!;
    const { keepMs, cancelMs } = this.#options;
    if (Number(await redis.decr(this.#keys.watchers(id))) > 0) return;
    await redis.set(this.#keys.cancelled(id), "1", "PX", Math.round(keepMs));
    await redis.publish(this.#keys.cancels, id);
    const deadline = Date.now() + cancelMs;
    while (Date.now() < deadline) {
      const job = await bull.getJob(id);
      const state = await job?.getState();
      if (job === undefined || state === "completed" || state === "failed" || state === "unknown") return;
      // One that a worker holds cannot be removed.
      if (state !== "active") await job.remove().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async #listen(channel: string, onNews: (news: string) => void): Promise<() => void> {
    const { subscriber } = this.#opened();
    const before = this.#listeners.get(channel);
    const listeners = before ?? new Set();
    listeners.add(onNews);
    this.#listeners.set(channel, listeners);
    if (before === undefined) await within(this.#options.connectMs, subscriber.subscribe(channel), "subscribing");
    return () => {
      listeners.delete(onNews);
      if (listeners.size > 0) return;
      this.#listeners.delete(channel);
      subscriber.unsubscribe(channel).catch(() => {});
    };
  }
}

/** @throws InvalidRequestError naming the field. */
function orderOf(request: GenerationRequest) {
  const parsed = OrderSchema.safeParse(request.backendOptions[backendId] ?? {});
  if (parsed.success) return Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined));
  throw new InvalidRequestError(
    parsed.error.issues.map(({ path, message }) => ({
      field: ["backendOptions", backendId, ...path].join("."),
      message,
    })),
    { backend: backendId },
  );
}

/** The same request has the same; who watches is no part of it. */
function fingerprint(request: GenerationRequest): string {
  const sorted = (_: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return sha256(Buffer.from(JSON.stringify({ ...request, previewEvery: 0 }, sorted)));
}
