import { type Backend, ConfigError, LatentKitError } from "@latentkit/core";
import { withTelemetry } from "@latentkit/telemetry";
import { Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { WorkerAnswer } from "./ask-workers.ts";
import type { JobData } from "./job-data.ts";
import { JobProcessor } from "./job-processor.ts";
import { type Keys, keysOf, prefix } from "./keys.ts";
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from "./queue-options.ts";
import { connect, within } from "./redis.ts";
import { openStore } from "./store/open-store.ts";

/** A worker that takes jobs from the queue. */
export interface QueueWorker {
  readonly id: string;
  /** Jobs that it works on now. */
  readonly running: number;
  /** Resolves when no job waits, none is delayed and none runs here. */
  drained(): Promise<void>;
  /**
   * Takes nothing new, lets running jobs finish for `graceMs`, and hands the rest back to the queue.
   *
   * @returns how many of those go on at their services, where other workers take them up by their handles: to dispose of the backend would
   * cancel them.
   */
  close(graceMs?: number): Promise<number>;
}

/**
 * Takes jobs from the queue and fulfils them with a backend.
 *
 * @example
 * ```ts
 * const worker = await startWorker(local(), { connection: "redis://127.0.0.1:6379", store: "/srv/pictures", concurrency: 2 });
 * ```
 * @throws ConfigError naming the option that is wrong; ConnectionError when Redis does not answer.
 */
export async function startWorker(backend: Backend, options: WorkerOptions = {}): Promise<QueueWorker> {
  if (typeof backend?.generate !== "function") throw new ConfigError("startWorker: must be given a backend");
  const worker = new RunningWorker(backend, resolveWorkerOptions(options));
  await worker.start();
  return worker;
}

const announceMs = 10_000;

class RunningWorker implements QueueWorker {
  readonly id = crypto.randomUUID();
  readonly #backend: Backend;
  readonly #options: ResolvedWorkerOptions;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  #worker: Worker<JobData> | undefined;
  #processor: JobProcessor | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(backend: Backend, options: ResolvedWorkerOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#keys = keysOf(options.name);
    this.#redis = connect(options.connection);
    this.#subscriber = connect(options.connection);
  }

  get running(): number {
    return this.#processor?.running ?? 0;
  }

  async start(): Promise<void> {
    const { name, concurrency, lockMs, store, keepMs, connectMs } = this.#options;
    try {
      await within(connectMs, this.#subscriber.subscribe(this.#keys.asks, this.#keys.cancels), "subscribing");
    } catch (error) {
      this.#disconnect();
      throw error;
    }
    const processor = new JobProcessor({
      backend: withTelemetry(this.#backend),
      options: this.#options,
      keys: this.#keys,
      redis: this.#redis,
      store: openStore(store, this.#redis, this.#keys, keepMs),
    });
    this.#processor = processor;
    this.#subscriber.on("message", (channel: string, text: string) => {
      if (channel === this.#keys.cancels) this.#worker?.cancelJob(text, "cancelled");
      else void this.#answer(text).catch(() => {});
    });
    await this.#announce();
    this.#timer = setInterval(() => void this.#announce().catch(() => {}), announceMs);
    this.#worker = new Worker<JobData>(name, (job, token, signal) => processor.process(job, token ?? "", signal), {
      connection: this.#redis,
      prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      // A job outlives many workers; it is its own errors that end it.
      maxStalledCount: 100,
      skipVersionCheck: true,
    });
    this.#worker.on("error", () => {});
    this.#worker.on("lockRenewalFailed", (jobs: string[]) => {
      for (const job of jobs) this.#worker?.cancelJob(job, "lost");
    });
    await within(connectMs, this.#worker.waitUntilReady(), "starting");
  }

  async drained(): Promise<void> {
    const { Queue } = await import("bullmq");
    const queue = new Queue(this.#options.name, { connection: this.#redis, prefix, skipVersionCheck: true });
    queue.on("error", () => {});
    try {
      while (true) {
        const counts = await queue.getJobCounts("waiting", "prioritized", "delayed");
        const left = Object.values(counts).reduce((sum, count) => sum + count, 0);
        if (left === 0 && this.running === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      await queue.close().catch(() => {});
    }
  }

  async close(graceMs = this.#options.graceMs): Promise<number> {
    clearInterval(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) return this.#processor?.goingOn ?? 0;
    this.#worker = undefined;
    const closing = worker.close();
    const timer = setTimeout(() => this.#processor?.handBack(), graceMs);
    const { connectMs } = this.#options;
    // Redis may be away: what waits for it ends by losing its connection then.
    const most = Math.min(graceMs + connectMs, 2 ** 31 - 1);
    await within(most, closing, "closing").catch(() => {});
    clearTimeout(timer);
    await within(Math.min(connectMs, 1000), this.#redis.del(this.#keys.worker(this.id)), "leaving").catch(() => {});
    this.#disconnect();
    return this.#processor?.goingOn ?? 0;
  }

  #disconnect(): void {
    this.#redis.disconnect();
    this.#subscriber.disconnect();
  }

  async #announce(): Promise<void> {
    const { concurrency } = this.#options;
    const capabilities = await this.#backend.capabilities();
    const about = { at: Date.now(), backend: this.#backend.id, concurrency, running: this.running };
    await this.#redis
      .multi()
      .set(this.#keys.worker(this.id), JSON.stringify(about), "PX", 3 * announceMs)
      .hset(this.#keys.capabilities, "", JSON.stringify(capabilities))
      .exec();
  }

  async #answer(text: string): Promise<void> {
    const { id, model } = JSON.parse(text) as { id: string; model?: string };
    const answer = await this.#backend.capabilities(model).then(
      (capabilities): WorkerAnswer => ({ capabilities }),
      (error: unknown): WorkerAnswer => ({
        error: (LatentKitError.isInstance(error) ? error : new LatentKitError("generation", String(error))).toJSON(),
      }),
    );
    const json = JSON.stringify(answer);
    await this.#redis.set(this.#keys.answer(id), json, "EX", 60, "NX");
    if ("capabilities" in answer)
      await this.#redis.hset(this.#keys.capabilities, model ?? "", JSON.stringify(answer.capabilities));
  }
}
