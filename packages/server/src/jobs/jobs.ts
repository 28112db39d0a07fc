import { randomUUID } from "node:crypto";
import { type Client, type GenerateOptions, LatentKitError } from "@latentkit/core";
import { refuse } from "../http-error.ts";
import { type Admitted, admit, type Gate, type SentFiles } from "../request/admit.ts";
import type { BodyBudget } from "../request/body-budget.ts";
import { IdempotencyKeys, type KeyEntry } from "./idempotency-keys.ts";
import { type KeptJob, KeptJobs } from "./kept-jobs.ts";
import { type Origin, ServedJob } from "./served-job.ts";

/** What a client asks for. */
export interface Order extends Origin {
  /** A request or a recipe, as JSON has it. */
  input: unknown;
  files?: SentFiles;
  /** The client's word that a repeated order is the same one. */
  idempotencyKey?: string | undefined;
  generate?: Pick<GenerateOptions, "onUnsupported" | "timeoutMs" | "timeoutFrom">;
  /** Aborted when the one who asks has gone before the job has begun. */
  signal: AbortSignal;
}

/** A job, and whether an earlier order of the same key had begun it. */
export interface Ordered {
  job: ServedJob;
  isRepeated: boolean;
}

/** Everything that jobs need of the server. */
export interface JobsContext extends Gate {
  client: Client;
  budget: BodyBudget;
  onStart?: (job: ServedJob) => void;
  onEnd?: (job: ServedJob) => void;
}

/** How long a request is waited for to be taken or refused, before it is answered as taken. */
const admissionMs = 5000;
const maxFinished = 1000;

/** The server's jobs: those that run, and the results that are kept for their owners. */
export class Jobs {
  readonly keys: IdempotencyKeys;
  readonly #context: JobsContext;
  readonly #jobs = new Map<string, ServedJob>();
  readonly #unfinished = new Map<string, number>();
  readonly #kept: KeptJobs | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: JobsContext) {
    this.#context = context;
    const { idempotencyMs, stateFolder } = context.options;
    this.keys = new IdempotencyKeys(idempotencyMs);
    if (stateFolder === undefined) return;
    this.#kept = new KeptJobs(stateFolder);
    for (const kept of this.#kept.load()) this.#restore(kept, this.#kept);
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Unfinished jobs, of all owners. */
  get unfinished(): number {
    return [...this.#unfinished.values()].reduce((sum, count) => sum + count, 0);
  }

  get resultBytes(): number {
    return [...this.#jobs.values()].reduce((sum, job) => sum + job.resultBytes, 0);
  }

  /** Every job that is kept, the oldest first. */
  list(owner?: string): ServedJob[] {
    return [...this.#jobs.values()].filter((job) => owner === undefined || job.origin.owner === owner);
  }

  /** @throws HttpError 404: for another's job too, which nobody is told of. */
  find(id: string, owner: string): ServedJob {
    const job = this.#jobs.get(id);
    if (job === undefined || job.origin.owner !== owner)
      throw refuse("not_found", "There is no such job: its result may have been let go of.");
    return job;
  }

  /**
   * Begins a job, or finds the one that the same key began. Nothing of a refused order is kept.
   *
   * @throws LatentKitError or HttpError where the order is refused.
   */
  async order(order: Order): Promise<Ordered> {
    const { owner, idempotencyKey, input, files } = order;
    if (idempotencyKey === undefined) return { job: await this.#begin(order), isRepeated: false };
    const { entry, isNew } = this.keys.take(owner, idempotencyKey, order.dialect, { input, files });
    if (!isNew) {
      const id = await entry.job;
      const job = this.#jobs.get(id);
      if (job === undefined)
        throw refuse("gone", "A job was made for this idempotency key, and its result has been let go of.", {
          job: id,
        });
      return { job, isRepeated: true };
    }
    const begun = this.#begin(order, entry);
    entry.job = begun.then(({ id }) => id);
    entry.job.catch(() => this.keys.forget(entry));
    return { job: await begun, isRepeated: false };
  }

  /** Lets go of a job; one that runs is cancelled. */
  async remove(job: ServedJob): Promise<void> {
    await job.cancel("The job was deleted.");
    this.#jobs.delete(job.id);
  }

  /** Takes no more orders, hands back what has not begun, and lets the rest finish for a while. */
  close(graceMs = this.#context.options.graceMs): Promise<void> {
    this.#closing ??= this.#drain(graceMs);
    return this.#closing;
  }

  /** Lets go of results that are old, or too many. */
  sweep(now = Date.now()): void {
    const { resultMs, maxResultBytes } = this.#context.options;
    let bytes = this.resultBytes;
    let finished = this.list().filter(({ endedAt }) => endedAt !== undefined).length;
    for (const job of this.#jobs.values()) {
      if (job.endedAt === undefined) continue;
      const isOld = job.endedAt + resultMs <= now;
      // The newest stays, however large.
      const isTooMuch = (bytes > maxResultBytes || finished > maxFinished) && finished > 1;
      if (!isOld && !isTooMuch) continue;
      bytes -= job.resultBytes;
      finished--;
      this.#jobs.delete(job.id);
    }
  }

  /** A job of before a crash. */
  #restore({ id, origin, createdAt, handle, key }: KeptJob, kept: KeptJobs): void {
    if (createdAt + this.#context.options.idempotencyMs <= Date.now()) return void kept.remove(id);
    if (key !== undefined) this.keys.restore(key, id);
    if (handle === undefined) return;
    const run = this.#context.client.resume(handle);
    this.#keep(new ServedJob(id, run, handle.request, origin, createdAt), () => {}, key);
  }

  /** Writes down what a server that comes back has to know. */
  #write(job: ServedJob, key: Omit<KeyEntry, "job"> | undefined): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const { id, origin, createdAt } = job;
    const own = key && { id: key.id, fingerprint: key.fingerprint, at: key.at };
    void job.begun.then(() => {
      if (job.endedAt === undefined && job.handle !== undefined)
        void kept.save({ id, origin, createdAt, handle: job.handle, key: own });
    });
    void job.ended.then(() =>
      own === undefined || job.wasRefused ? kept.remove(id) : kept.save({ id, origin, createdAt, key: own }),
    );
  }

  async #begin(order: Order, key?: KeyEntry): Promise<ServedJob> {
    const { owner, signal, dialect, requestId } = order;
    const { client, budget } = this.#context;
    if (this.isClosing)
      throw refuse("shutting_down", "The server is shutting down: send the request to another, or later.");
    const release = this.#takePlace(owner);
    let letGo = () => {};
    let job: ServedJob;
    try {
      const admitted: Admitted = await admit(order.input, this.#context, {
        owner,
        signal,
        ...(order.files && { files: order.files }),
      });
      letGo = budget.hold(admitted.bytes);
      if (signal.aborted) throw refuse("aborted", "The client went away.");
      const run = client.generate(admitted.input as never, { ...order.generate, trust: true });
      job = new ServedJob(randomUUID(), run, admitted.request, { owner, dialect, requestId });
    } catch (error) {
      letGo();
      release();
      throw error;
    }
    this.#keep(
      job,
      () => {
        letGo();
        release();
      },
      key,
    );
    await Promise.race([job.begun, new Promise((resolve) => setTimeout(resolve, admissionMs).unref())]);
    if (!job.wasRefused) return job;
    this.#jobs.delete(job.id);
    throw job.error;
  }

  #keep(job: ServedJob, release: () => void, key?: Omit<KeyEntry, "job">): ServedJob {
    const { onStart, onEnd } = this.#context;
    this.#jobs.set(job.id, job);
    this.#write(job, key);
    onStart?.(job);
    void job.ended.then(() => {
      release();
      onEnd?.(job);
      this.sweep();
    });
    return job;
  }

  /** @throws HttpError 503 where there are as many unfinished jobs as may be. */
  #takePlace(owner: string): () => void {
    const { maxJobs, maxJobsPerKey } = this.#context.options;
    const own = this.#unfinished.get(owner) ?? 0;
    if (this.unfinished >= maxJobs)
      throw refuse("busy", `${maxJobs} jobs are unfinished already (maxJobs): try again when some have ended.`);
    if (own >= maxJobsPerKey)
      throw refuse(
        "busy",
        `${maxJobsPerKey} jobs of this key are unfinished already (maxJobsPerKey): try again when some have ended.`,
      );
    this.#unfinished.set(owner, own + 1);
    return () => {
      const left = (this.#unfinished.get(owner) ?? 1) - 1;
      if (left > 0) this.#unfinished.set(owner, left);
      else this.#unfinished.delete(owner);
    };
  }

  async #drain(graceMs: number): Promise<void> {
    const unfinished = () => this.list().filter(({ endedAt }) => endedAt === undefined);
    const handBack = (job: ServedJob) => {
      const message = "The server shut down before the job was done: send the request again.";
      const details = { handedBack: true, begun: job.startedAt !== undefined };
      return job.cancel(message, new LatentKitError("shutting_down", message, { retryable: true, details }));
    };
    await Promise.all(
      unfinished()
        .filter(({ startedAt }) => startedAt === undefined)
        .map(handBack),
    );
    const grace = new Promise((resolve) => setTimeout(resolve, graceMs));
    await Promise.race([Promise.all(unfinished().map(({ ended }) => ended)), grace]);
    await Promise.all(unfinished().map(handBack));
    await this.#kept?.settled();
  }
}
