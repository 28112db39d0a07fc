import type { GenerationEvent, ImagePayload } from "@latentkit/core";
import { isEnded, type Prediction } from "./api/prediction.ts";
import { readLogLine, readSeed, splitLines } from "./follow/logs-progress.ts";
import { mediaTypeOf, outputUrls } from "./follow/outputs.ts";

/** How long Replicate keeps the outputs of a prediction that was made by API. */
export const outputLifeMs = 60 * 60 * 1000;

/** What a reader needs to know of its prediction. */
export interface ReaderOptions {
  /** Position of the prediction's first picture among the job's. */
  index: number;
  /** Whether progress names the picture. */
  several: boolean;
  /** The seed that was sent, where the model takes one. */
  seed?: number | string | undefined;
  /** Whether the outputs are unfinished states of one picture, of which only the last is the picture. */
  previews: boolean;
  /** Every how many previews one is told; 0 is none. */
  previewEvery: number;
  /** Position for a picture beyond the first of the same prediction. */
  nextIndex(): number;
}

/** Turns the states of one prediction, polled, streamed or delivered by webhook, into events: each thing told once. */
export class PredictionReader {
  /** Whether work has begun. */
  begun = false;
  /** Share of the prediction that is done, 0 to 1. */
  fraction = 0;
  /** Milliseconds until the end, by the newest line of the log that tells. */
  etaMs: number | undefined;
  /** Pictures told. */
  images = 0;
  /** The seed that was sent, or that the log announced. */
  seed: number | string | undefined;
  readonly #options: ReaderOptions;
  #urls: string[] = [];
  #told = 0;
  #log = "";
  #streamUrls: string[] = [];
  #streamLog = "";
  #rest = "";
  #step = 0;
  #bars = new Map<string, { step: number; steps: number; count: number }>();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.seed = options.seed;
  }

  /** Events that a state brings beyond those before it. */
  read(prediction: Prediction): GenerationEvent[] {
    const { status, logs } = prediction;
    const urls = outputUrls(prediction.output);
    const over = isEnded(prediction);
    if (status !== "starting" || urls.length > 0 || (logs ?? "") !== "") this.begun = true;
    const events = this.#readLog(logs ?? "", over);
    if (urls.length > this.#urls.length) this.#urls = urls;
    return [...events, ...this.#tell(prediction, over)];
  }

  /** Events of an output that the stream brings. */
  readOutput(url: string): GenerationEvent[] {
    const urls = outputUrls(url);
    if (urls.length === 0) return [];
    this.begun = true;
    // A stream that is opened late begins with what a state told already.
    this.#streamUrls.push(...urls);
    if (this.#streamUrls.length > this.#urls.length) this.#urls = [...this.#streamUrls];
    return this.#tell(undefined, false);
  }

  /** Events of log text that the stream brings. */
  readLogs(text: string): GenerationEvent[] {
    this.begun = true;
    this.#streamLog += text;
    const known = this.#log;
    const replayed = this.#streamLog.startsWith(known) || known.startsWith(this.#streamLog);
    return this.#readLog(replayed ? this.#streamLog : known + text, false);
  }

  #readLog(log: string, over: boolean): GenerationEvent[] {
    // A log that lost its head is read from where the known tail ends, else it is all new.
    const known = this.#log;
    const added = log.startsWith(known) ? log.slice(known.length) : known.startsWith(log) ? "" : log;
    if (added !== "") this.#log = log;
    const { lines, rest } = splitLines(this.#rest + added);
    this.#rest = rest;
    if (over && rest !== "") {
      lines.push(rest);
      this.#rest = "";
    }
    return lines.flatMap((line) => this.#readLine(line));
  }

  #readLine(line: string): GenerationEvent[] {
    const read = readLogLine(line);
    if (read === undefined) return [];
    if (read.kind === "text") {
      this.seed ??= readSeed(read.text);
      return [{ type: "log", level: "info", message: read.text }];
    }
    const { phase, step, steps, etaMs } = read.progress;
    const bar = this.#bars.get(phase) ?? { step: 0, steps, count: 1 };
    // A bar that starts again is another pass: steps go up within each.
    if (step < bar.step || steps !== bar.steps) bar.count++;
    this.#bars.set(phase, { step, steps, count: bar.count });
    if (phase === "sample") {
      this.etaMs = step < steps ? etaMs : undefined;
      this.#step = step;
      this.fraction = Math.max(this.fraction, bar.count > 1 ? 0 : step / steps);
    }
    return [
      {
        type: "progress",
        phase: bar.count === 1 ? phase : `${phase} ${bar.count}`,
        step,
        steps,
        ...(etaMs === undefined ? {} : { etaMs }),
        ...(this.fraction > 0 ? { fraction: this.fraction } : {}),
        ...(this.#options.several ? { index: this.#options.index } : {}),
      },
    ];
  }

  #tell(prediction: Prediction | undefined, over: boolean): GenerationEvent[] {
    const { previews } = this.#options;
    const succeeded = prediction?.status === "succeeded";
    const events: GenerationEvent[] = [];
    for (; this.#told < this.#urls.length; this.#told++) {
      const url = this.#urls[this.#told]!;
      const final = !previews || (succeeded && this.#told === this.#urls.length - 1);
      // The newest state of a picture in the making may turn out to be the last: it is held until that is known.
      if (!final && previews && !over && this.#told === this.#urls.length - 1) break;
      events.push(...(final ? [this.#image(url, prediction)] : this.#preview(url, prediction)));
    }
    return events;
  }

  #image(url: string, prediction: Prediction | undefined): GenerationEvent {
    const index = this.images++ === 0 ? this.#options.index : this.#options.nextIndex();
    const { seed } = this;
    return { type: "image", index, ...(seed === undefined ? {} : { seed }), image: toPayload(url, prediction) };
  }

  #preview(url: string, prediction: Prediction | undefined): GenerationEvent[] {
    const { previewEvery, index } = this.#options;
    if (previewEvery === 0 || this.#told % previewEvery !== 0) return [];
    return [{ type: "preview", index, step: this.#step || this.#told + 1, image: toPayload(url, prediction) }];
  }
}

/** An output as a payload: a data URL is the picture itself, any other is fetched when asked for, and expires. */
export function toPayload(url: string, prediction: Pick<Prediction, "completed_at"> | undefined): ImagePayload {
  const [, inline, base64] = /^data:([\w.+-]+\/[\w.+-]+)(?:;[\w=-]+)*;base64,(.*)$/s.exec(url) ?? [];
  if (inline !== undefined && base64 !== undefined) return { kind: "encoded", mediaType: inline, base64 };
  const ended = prediction?.completed_at == null ? Number.NaN : Date.parse(prediction.completed_at);
  const expiresAt = new Date((Number.isNaN(ended) ? Date.now() : ended) + outputLifeMs).toISOString();
  const mediaType = mediaTypeOf(url);
  return { kind: "url", url, ...(mediaType === undefined ? {} : { mediaType }), expiresAt };
}
