import {
  type CompletedEvent,
  type GenerationEvent,
  type GenerationRequest,
  LatentKitError,
  type ProgressEvent,
} from "@latentkit/core";
import type PQueue from "p-queue";
import { isEnded, type Prediction } from "./api/prediction.ts";
import { noPicture, toTyped, warning, withId } from "./failures.ts";
import { Channel } from "./follow/channel.ts";
import { followPrediction } from "./follow/follow-prediction.ts";
import type { PollPacer } from "./follow/poll-pacer.ts";
import type { Dispatchers } from "./http/dispatcher.ts";
import { isLost } from "./http/retry.ts";
import type { ReplicateHandle } from "./job-handle.ts";
import { LinkedAbort } from "./linked-abort.ts";
import { sumMetrics } from "./metrics.ts";
import type { Predictions } from "./predictions.ts";
import { errorOfPrediction } from "./replicate-error.ts";
import { PredictionReader } from "./replicate-events.ts";

/** One picture to be made: a prediction to create, or one that runs already. */
export interface PictureTask {
  index: number;
  seed?: number | string | undefined;
  /** Whether it is to be created, rather than looked up. */
  creates: boolean;
  /** Brings the prediction about: by creating it, or by looking it up. */
  begin(signal: AbortSignal): Promise<Prediction>;
}

/** What a run needs of its backend. */
export interface RunContext {
  predictions: Predictions;
  pacer: PollPacer;
  /** How many predictions may run at once. */
  slots: PQueue;
  /** Absent: streams are not read. */
  dispatchers?: Dispatchers | undefined;
  versions: Record<string, string>;
  signal: AbortSignal;
}

/** Errors that every further create would meet as well. */
const hopeless = new Set(["authentication", "invalid_request", "not_found", "unsupported", "disposed"]);

/** Makes the pictures of one job, each by a prediction of its own, and tells their events as one sequence. */
export class GenerationRun {
  readonly #request: GenerationRequest;
  readonly #tasks: readonly PictureTask[];
  readonly #handle: ReplicateHandle;
  readonly #context: RunContext;
  readonly #channel = new Channel<GenerationEvent>();
  readonly #fractions = new Map<number, number>();
  readonly #failures: { error: LatentKitError; index: number }[] = [];
  readonly #ended: Prediction[] = [];
  #started = false;
  #told = 0;
  #pictures = 0;
  #nextExtra: number;
  #hopeless: LatentKitError | undefined;
  /** Whether a prediction may still be running when the run has ended. */
  #left = false;

  constructor(request: GenerationRequest, tasks: readonly PictureTask[], handle: ReplicateHandle, context: RunContext) {
    this.#request = request;
    this.#tasks = tasks;
    this.#handle = handle;
    this.#context = context;
    this.#nextExtra = request.count;
  }

  /** Whether every prediction of the run has ended, so that nothing needs its input files any more. */
  get allEnded(): boolean {
    return !this.#left;
  }

  async *events(): AsyncGenerator<GenerationEvent> {
    using stop = new LinkedAbort(this.#context.signal);
    const work = this.#work(stop.signal);
    try {
      yield* this.#channel;
      yield this.#completed();
    } finally {
      // Whoever leaves the loop early leaves no prediction running.
      stop.abort();
      await work;
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#tasks.map((task) => this.#make(task, signal)));
    if (signal.aborted) return this.#channel.fail(signal.reason);
    const [first] = this.#failures;
    if (first !== undefined && this.#pictures === 0) this.#channel.fail(first.error);
    else this.#channel.close();
  }

  /** Never throws: what goes wrong with one picture is a warning beside the others. */
  async #make(task: PictureTask, signal: AbortSignal): Promise<void> {
    let running: Promise<void> | undefined;
    const run = () => {
      running = this.#run(task, signal);
      return running;
    };
    try {
      await this.#context.slots.add(run, { signal });
    } catch (error) {
      // The queue lets go at once on an abort; the prediction is to be cancelled first.
      const own: unknown = await running?.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!signal.aborted) this.#fail(task, toTyped(error));
      else if (isLost(own)) this.#channel.push(warning("create_lost", toTyped(own)));
    }
  }

  async #run(task: PictureTask, signal: AbortSignal): Promise<void> {
    if (this.#hopeless !== undefined) throw this.#hopeless;
    const first = await task.begin(signal).catch((error: unknown) => {
      if (task.creates && LatentKitError.isInstance(error) && hopeless.has(error.code)) this.#hopeless = error;
      throw error;
    });
    this.#noteCreated(first.id, task);
    let last = first;
    const reader = this.#reader(task);
    try {
      signal.throwIfAborted();
      const { predictions, pacer, dispatchers } = this.#context;
      const get = (id: string, inner: AbortSignal) => predictions.get(id, inner);
      for await (const news of followPrediction(first, {
        get,
        pacer,
        dispatchers,
        signal,
        etaMs: () => reader.etaMs,
      })) {
        if (news.kind === "state") last = news.prediction;
        const events =
          news.kind === "state"
            ? reader.read(news.prediction)
            : news.kind === "output"
              ? reader.readOutput(news.value)
              : reader.readLogs(news.text);
        this.#tell(task, reader, events);
      }
    } catch (error) {
      if (signal.aborted) await this.#cancel(last);
      else this.#left = true;
      throw signal.aborted ? error : withId(error, last.id);
    }
    this.#end(task, reader, last);
  }

  #reader(task: PictureTask): PredictionReader {
    return new PredictionReader({
      index: task.index,
      several: this.#request.count > 1,
      seed: task.seed,
      previews: this.#handle.previews,
      previewEvery: this.#request.previewEvery,
      nextIndex: () => this.#nextExtra++,
    });
  }

  /** Every job tells its handle when the first prediction is known, and again as more are: 1, 2, 4, 8 … and all. */
  #noteCreated(id: string, { index, seed }: PictureTask): void {
    const { predictions } = this.#handle;
    if (!predictions.some((known) => known.id === id)) predictions.push({ id, index, seed });
    const count = ++this.#told;
    if ((count & (count - 1)) !== 0 && count !== this.#tasks.length) return;
    this.#channel.push({ type: "queued", ...this.#handleField() });
  }

  #handleField(): { handle?: Record<string, unknown> } {
    return this.#context.predictions.resumable ? { handle: JSON.parse(JSON.stringify(this.#handle)) } : {};
  }

  #tell(task: PictureTask, reader: PredictionReader, events: readonly GenerationEvent[]): void {
    if (reader.begun && !this.#started) {
      this.#started = true;
      const { model, resolved } = this.#handle;
      this.#channel.push({
        type: "started",
        resolved,
        versions: this.#context.versions,
        ...(model === undefined ? {} : { model }),
        ...this.#handleField(),
      });
    }
    for (const event of events) {
      if (event.type === "image") this.#pictures++;
      this.#channel.push(event.type === "progress" ? this.#withFraction(event, task.index) : event);
    }
  }

  /** The share of the whole job, from the share of one prediction. */
  #withFraction(event: ProgressEvent, index: number): ProgressEvent {
    const { fraction: own = 0, ...plain } = event;
    this.#fractions.set(index, own);
    const total = [...this.#fractions.values()].reduce((sum, each) => sum + each, 0);
    return total === 0 ? plain : { ...plain, fraction: Math.min(1, total / this.#tasks.length) };
  }

  #end(task: PictureTask, reader: PredictionReader, last: Prediction): void {
    this.#ended.push(last);
    this.#fractions.set(task.index, 1);
    if (last.status !== "succeeded") {
      const error = errorOfPrediction(last);
      if (reader.images === 0) throw error;
      this.#channel.push(warning("prediction_failed", error));
    } else if (reader.images === 0) throw noPicture(last);
    if (task.seed === undefined && reader.seed !== undefined && this.#tasks.length === 1)
      this.#handle.resolved = { ...this.#handle.resolved, seed: reader.seed };
  }

  async #cancel(prediction: Prediction): Promise<void> {
    if (isEnded(prediction)) return;
    try {
      await this.#context.predictions.cancel(prediction.id);
    } catch (error) {
      this.#left = true;
      const typed = toTyped(error);
      this.#channel.push({
        ...warning("cancel_failed", typed),
        message: `Prediction ${prediction.id} could not be cancelled and may run on: ${typed.message}`,
      });
    }
  }

  #fail({ index, seed }: PictureTask, error: LatentKitError): void {
    this.#failures.push({ error, index });
    this.#fractions.set(index, 1);
    // Alone, its error is the job's.
    if (this.#tasks.length === 1) return;
    this.#channel.push({ ...warning("image_failed", error), index, ...(seed === undefined ? {} : { seed }) });
  }

  #completed(): CompletedEvent {
    const { metrics, timings } = sumMetrics(this.#ended);
    const { seed } = this.#handle.resolved;
    return { type: "completed", metrics, timings, ...(seed === undefined ? {} : { resolved: { seed } }) };
  }
}
