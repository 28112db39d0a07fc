import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "../client.ts";
import { AbortedError } from "../errors/aborted-error.ts";
import { ConfigError } from "../errors/config-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { Job } from "../job/job.ts";
import { isRecipe, type Recipe } from "../recipe/recipe.ts";
import { stableJson } from "../recipe/stable-json.ts";
import type { GenerationInput } from "../request/input-types.ts";
import type { BatchInput, BatchItem, BatchOptions } from "./batch.ts";
import { type BatchFile, isOther, Manifest, type ManifestEntry } from "./manifest.ts";
import { fileNameOf, writePictures } from "./write-pictures.ts";

/** An item as it is drawn. */
interface Task {
  index: number;
  key: string;
  /** Of one with an id: a hash of its request. */
  hash: string | undefined;
  request: GenerationInput | Recipe;
  known: ManifestEntry | undefined;
}

/** One pass over a batch's input. */
export class BatchRun {
  readonly #client: Client;
  readonly #inputs: Iterable<BatchInput> | AsyncIterable<BatchInput>;
  readonly #options: BatchOptions;
  readonly #seen = new Map<string, number>();
  /** The caller has left, or cancelled. */
  #stopped = false;
  #manifest: Manifest | undefined;

  constructor(client: Client, inputs: Iterable<BatchInput> | AsyncIterable<BatchInput>, options: BatchOptions) {
    const { concurrency = 1 } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new ConfigError("concurrency: must be a whole number from 1 up");
    this.#client = client;
    this.#inputs = inputs;
    this.#options = options;
  }

  async *items(): AsyncGenerator<BatchItem> {
    const { manifest, out, keepGoing = false, signal } = this.#options;
    if (manifest !== undefined) this.#manifest = await Manifest.open(manifest);
    const jobs = new Set<Job>();
    const onAbort = () => {
      this.#stopped = true;
      for (const job of jobs) job.cancel("The batch was cancelled.");
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const item of this.#atOnce((task) => this.#draw(task, jobs))) {
        yield item;
        // Without a folder the pictures are the caller's to keep, and are kept once it comes back for more.
        if (item.status === "done" && out === undefined)
          await this.#manifest?.write({ key: item.id, index: item.index, status: "done" });
        if (item.status === "failed" && (!keepGoing || isFatal(item.error))) throw item.error;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#stopped = true;
      for (const job of jobs) job.cancel("The batch was left.");
      await Promise.allSettled(jobs);
      await this.#manifest?.close();
    }
  }

  /** Draws so many at once, and hands each over as it is done; no input is read before there is room for it. */
  async *#atOnce(draw: (task: Task) => Promise<BatchItem>): AsyncGenerator<BatchItem> {
    const { concurrency = 1, signal } = this.#options;
    const tasks = this.#tasks();
    const running = new Map<number, Promise<{ item: BatchItem }>>();
    let reading: Promise<{ read: IteratorResult<Task> } | { wrong: unknown }> | undefined;
    let isOver = false;
    let failure: BatchItem | undefined;
    let wrong: { reason: unknown } | undefined;
    while (true) {
      if (signal?.aborted && failure === undefined) throw abortOf(signal);
      if (!isOver && failure === undefined && running.size < concurrency)
        reading ??= tasks.next().then(
          (read) => ({ read }),
          (reason: unknown) => ({ wrong: reason }),
        );
      if (reading === undefined && running.size === 0) break;
      const first = await Promise.race([...running.values(), ...(reading === undefined ? [] : [reading])]);
      if ("read" in first) {
        reading = undefined;
        if (first.read.done === true) isOver = true;
        else {
          const task = first.read.value;
          running.set(
            task.index,
            draw(task).then((item) => ({ item })),
          );
        }
        continue;
      }
      // What runs is paid for: it is finished before the batch fails.
      if ("wrong" in first) {
        [reading, isOver, wrong] = [undefined, true, { reason: first.wrong }];
        continue;
      }
      const { item } = first;
      running.delete(item.index);
      const stops = item.status === "failed" && (this.#options.keepGoing !== true || isFatal(item.error));
      if (stops) {
        isOver = true;
        failure ??= item;
      } else yield item;
    }
    await tasks.return(undefined);
    if (failure !== undefined) yield failure;
    if (wrong !== undefined) throw wrong.reason;
  }

  async *#tasks(): AsyncGenerator<Task> {
    let index = 0;
    for await (const input of this.#inputs) {
      const { id, request } = partsOf(input);
      const whole = hashOf(request);
      const key = this.#keyOf(id ?? whole, id !== undefined);
      const hash = id === undefined ? undefined : whole;
      yield { index, key, hash, request, known: await this.#knownOf(key, hash) };
      index++;
    }
  }

  /** Equal requests are items of their own: the second of a kind has another key than the first. */
  #keyOf(base: string, isId: boolean): string {
    const count = (this.#seen.get(base) ?? 0) + 1;
    this.#seen.set(base, count);
    if (isId && count > 1) throw new InvalidRequestError([{ field: "id", message: `"${base}" stands there twice` }]);
    return count === 1 ? base : `${base}-${count}`;
  }

  /** What an earlier run knew. What it drew under this id for another request is taken away: it must not pass for this one's. */
  async #knownOf(key: string, hash: string | undefined): Promise<ManifestEntry | undefined> {
    const known = this.#manifest?.take(key);
    if (!isOther(known, hash)) return known;
    for (const { path } of known?.files ?? []) await rm(path, { force: true });
    return undefined;
  }

  async #draw(task: Task, jobs: Set<Job>): Promise<BatchItem> {
    const { index, key, known } = task;
    const item = { index, id: key, images: [], files: [] };
    const done = this.#doneBefore(task);
    if (done !== undefined) {
      if (known?.status !== "done") await this.#manifest?.write({ key, index, status: "done", files: done });
      return { ...item, status: "skipped", files: done };
    }
    try {
      const { images, files } = await this.#make(task, jobs);
      return { ...item, status: "done", images, files };
    } catch (error) {
      await this.#note(task, error);
      return { ...item, status: "failed", error };
    }
  }

  /** Files of an earlier run; also those that were written just before it was killed. */
  #doneBefore({ known, request }: Task): BatchFile[] | undefined {
    if (known === undefined) return undefined;
    const { status, stem } = known;
    const files = Array.isArray(known.files) ? known.files : [];
    if (status === "done" && files.every(({ path }) => existsSync(path))) return files;
    if (status !== undefined || stem === undefined || this.#options.out === undefined) return undefined;
    const { count = 1, output } = (isRecipe(request) ? request.request : request) ?? {};
    // What no request may have is for the job to refuse.
    if (!Number.isInteger(count) || count < 1 || count > 10_000) return undefined;
    const paths = Array.from({ length: count }, (_, i) => fileNameOf(stem, i, count, output?.format ?? "png"));
    return paths.every((path) => existsSync(path)) ? paths.map((path) => ({ path })) : undefined;
  }

  async #make({ index, key, hash, request, known }: Task, jobs: Set<Job>) {
    const { out, concurrency: _, manifest: __, keepGoing: ___, ...options } = this.#options;
    const stem = out === undefined ? undefined : join(out, nameOf(index, key));
    if (known?.handle === undefined)
      await this.#manifest?.write({
        key,
        index,
        ...(hash === undefined ? {} : { request: hash }),
        ...(stem === undefined ? {} : { stem }),
      });
    const { job } = await this.#jobOf(request, known, options, jobs);
    try {
      if (this.#manifest !== undefined) this.#keepHandle(job, { key, index });
      const { images, failures } = await job;
      const [failed] = failures;
      const files = stem === undefined ? [] : await writePictures(images, stem, images.length + failures.length);
      if (failed !== undefined)
        throw Object.assign(new LatentKitError(failed.error.code, failed.error.message), { images });
      if (out !== undefined) await this.#manifest?.write({ key, index, status: "done", files });
      return { images, files };
    } finally {
      jobs.delete(job);
    }
  }

  /** A job that a service still has is gone on with, not paid for twice. */
  async #jobOf(
    request: GenerationInput | Recipe,
    known: ManifestEntry | undefined,
    options: object,
    jobs: Set<Job>,
  ): Promise<{ job: Job }> {
    const begin = (job: Job) => {
      jobs.add(job);
      return { job };
    };
    const handle = known?.status === "failed" ? undefined : known?.handle;
    if (handle === undefined) return begin(this.#client.generate(request, options));
    const resumed = begin(this.#client.resume(handle, options));
    const isGone = await resumed.job.then(
      () => false,
      (error: unknown) => !this.#stopped && isGoneBy(error),
    );
    if (!isGone) return resumed;
    jobs.delete(resumed.job);
    return begin(this.#client.generate(request, options));
  }

  #keepHandle(job: Job, entry: ManifestEntry): void {
    let last: unknown;
    job.on("event", () => {
      if (job.handle === undefined || job.handle === last) return;
      last = job.handle;
      // The job goes on where this can't be written; the item's end then says so.
      this.#manifest?.write({ ...entry, handle: job.handle }).catch(() => {});
    });
  }

  /** An item that was cut short is not a failed one: it is drawn when the batch goes on. */
  async #note({ key, index }: Task, error: unknown): Promise<void> {
    if (AbortedError.isInstance(error) || !LatentKitError.isInstance(error) || isFatal(error)) return;
    await this.#manifest?.write({ key, index, status: "failed", error: error.toJSON() }).catch(() => {});
  }
}

/** Whether a job can't be gone on with: nobody knows it, or an earlier run that was stopped has cancelled it. */
function isGoneBy(error: unknown): boolean {
  return LatentKitError.isInstance(error) && ["not_found", "unsupported", "aborted"].includes(error.code);
}

/** Errors that every item after it would meet too. */
function isFatal(error: unknown): boolean {
  if (!LatentKitError.isInstance(error)) return false;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return (
    ["aborted", "disposed", "manifest", "budget"].includes(error.code) ||
    ["ENOSPC", "EDQUOT", "EROFS", "EACCES"].includes(code ?? "")
  );
}

function hashOf(request: unknown): string {
  return createHash("sha256")
    .update(stableJson(plain(request)))
    .digest("hex")
    .slice(0, 16);
}

function partsOf(input: BatchInput): { id: string | undefined; request: GenerationInput | Recipe } {
  const isNamed = typeof input === "object" && input !== null && "id" in input && "request" in input;
  return isNamed
    ? (input as { id: string; request: GenerationInput | Recipe })
    : { id: undefined, request: input as GenerationInput };
}

/** No request is nested deeper: the job says so of one that is. */
const maxDepth = 40;

/** What JSON cannot hold, told by text: bytes by their hash, a seed's digits. */
function plain(value: unknown, depth = 0): unknown {
  if (depth > maxDepth) return "…";
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return createHash("sha256").update(value).digest("hex");
  if (Array.isArray(value)) return value.map((entry) => plain(entry, depth + 1));
  if (value instanceof URL) return value.href;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry, depth + 1)]));
}

function nameOf(index: number, key: string): string {
  return `${String(index).padStart(5, "0")}-${key.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80)}`;
}

function abortOf(signal: AbortSignal): unknown {
  return LatentKitError.isInstance(signal.reason)
    ? signal.reason
    : new AbortedError(undefined, { cause: signal.reason });
}
