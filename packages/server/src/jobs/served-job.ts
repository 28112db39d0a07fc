import {
  AbortedError,
  type GeneratedImage,
  type GenerationRequest,
  type GenerationResult,
  type Job,
  type JobEvent,
  type JobHandle,
  type JobStatus,
  LatentKitError,
  mapInputFiles,
} from "@latentkit/core";
import { JobLog, type LogItem } from "./job-log.ts";

/** Where a job came from. */
export interface Origin {
  /** Name of the key that began it. */
  owner: string;
  requestId: string;
  /** `"latentkit"`, `"openai"`, `"a1111"` or `"mcp"`. */
  dialect: string;
}

/** A job of the server's: what has happened to it, and what came of it. */
export class ServedJob {
  readonly id: string;
  readonly origin: Origin;
  /** What was asked for; without its files' bytes once the job has ended. */
  request: GenerationRequest;
  readonly log = new JobLog();
  readonly createdAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  result: GenerationResult | undefined;
  error: LatentKitError | undefined;
  /** What it ends with in place of an AbortedError, where the server ends it and not its owner. */
  endReason: LatentKitError | undefined;
  /** Ends once the job has ended, well or not. */
  readonly ended: Promise<void>;
  /** Ends with the first event, or with the job. */
  readonly begun: Promise<void>;
  /** Let go of at the end, and with it the bytes of the inputs. */
  #job: Job | undefined;
  #images: readonly GeneratedImage[] = [];
  #status: JobStatus = "queued";
  #resultBytes = 0;

  constructor(id: string, job: Job, request: GenerationRequest, origin: Origin, createdAt = Date.now()) {
    this.id = id;
    this.createdAt = createdAt;
    this.#job = job;
    this.request = request;
    this.origin = origin;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.ended = this.#follow(job, resolve);
  }

  get status(): JobStatus {
    return this.#status;
  }

  /** Pictures that have been made so far. */
  get images(): readonly GeneratedImage[] {
    return this.#job?.images ?? this.#images;
  }

  /** By which the backend goes on with it, where it can and the job runs. */
  get handle(): JobHandle | undefined {
    return this.#job?.handle;
  }

  /** Bytes that its pictures hold. */
  get resultBytes(): number {
    return this.#resultBytes;
  }

  /** Whether anything was done, or may have been billed: not where a request was refused as it is. */
  get wasRefused(): boolean {
    return this.error !== undefined && this.log.last("queued") === undefined && refusals.has(this.error.code);
  }

  /** @returns once the work has stopped. */
  async cancel(reason: string, endReason?: LatentKitError): Promise<void> {
    if (this.endedAt === undefined) this.endReason ??= endReason;
    this.#job?.cancel(reason);
    await this.ended;
  }

  async #follow(job: Job, begun: () => void): Promise<void> {
    try {
      for await (const event of job) {
        this.#take(event);
        begun();
      }
      this.result = await job.then((result) => result);
      this.#end("completed", { type: "done" });
    } catch (error) {
      const known = LatentKitError.isInstance(error) ? error : new AbortedError(String(error));
      const isHandedBack = this.endReason !== undefined && AbortedError.isInstance(known);
      this.error = isHandedBack ? this.endReason! : known;
      const status = AbortedError.isInstance(this.error) ? "cancelled" : "failed";
      this.#images = [...job.images];
      this.#end(status, { type: "error", error: this.error });
    }
    begun();
  }

  #end(status: JobStatus, last: LogItem["event"]): void {
    this.#images = this.result?.images ?? this.#images;
    this.#status = status;
    this.#job = undefined;
    this.endedAt = Date.now();
    this.request = mapInputFiles(this.request, (source) => ("base64" in source ? { base64: "" } : source));
    this.log.add(last);
  }

  #take(event: JobEvent): void {
    if (event.type === "started") {
      this.startedAt ??= Date.now();
      this.#status = "running";
    }
    if (event.type === "image") {
      const { payload } = event.image;
      this.#resultBytes += payload.kind === "url" ? 1000 : payload.base64.length;
    }
    this.log.add(event);
  }
}

/** Errors of a request that was not begun. */
const refusals = new Set([
  "invalid_request",
  "unsupported",
  "image",
  "recipe",
  "busy",
  "budget",
  "not_found",
  "model",
  "config",
  "disposed",
]);
