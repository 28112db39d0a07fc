import type { CompletedEvent, GenerationEvent, ImageEvent, StartedEvent, WarningEvent } from "../events.ts";
import type { GenerationRequest } from "../request/request.ts";

/** Which part of a whole job a request of the backend's is. */
export interface Part {
  /** Share of the job's work that is done before it, and after it. */
  from: number;
  to: number;
  /** Which of the job's pictures it makes, where that is one; else its own numbering holds. */
  index?: number | undefined;
}

/** What a request of several left. */
export interface PartResult {
  images: ImageEvent[];
  failures: WarningEvent[];
  /** What the backend decided. */
  resolved: Partial<GenerationRequest>;
}

/** Makes one job of several requests of a backend: one beginning, one end, progress that goes from 0 to 1, sums of times. */
export class Ledger {
  #started = false;
  readonly #said = new Set<string>();
  readonly #timings: Record<string, number> = {};
  #metrics: Record<string, unknown> = {};

  readonly #beginning: (event: StartedEvent) => StartedEvent;

  /** `beginning` is what of the first start is the whole job's. */
  constructor(beginning: (event: StartedEvent) => StartedEvent) {
    this.#beginning = beginning;
  }

  /** Passes on what a part tells while it runs, and gives what it made. */
  async *follow(events: AsyncIterable<GenerationEvent>, part: Part): AsyncGenerator<GenerationEvent, PartResult> {
    const result: PartResult = { images: [], failures: [], resolved: {} };
    const at = part.index === undefined ? {} : { index: part.index };
    for await (const event of events) {
      if (event.type === "queued") {
        // A job is found again by its first request's handle: what comes after is done anew.
        if (!this.#started) yield event;
      } else if (event.type === "started") {
        Object.assign(result.resolved, event.resolved);
        if (!this.#started) yield this.#beginning(event);
        this.#started = true;
      } else if (event.type === "progress") {
        const { fraction, etaMs: _, ...rest } = event;
        const done = fraction === undefined ? {} : { fraction: part.from + (part.to - part.from) * fraction };
        yield { ...rest, ...done, ...(event.index === undefined ? {} : at) };
      } else if (event.type === "preview") yield { ...event, ...at };
      else if (event.type === "image") result.images.push({ ...event, ...at });
      else if (event.type === "warning") {
        if (event.code === "image_failed") result.failures.push({ ...event, ...at });
        else if (this.#isNew(event)) yield event;
      } else if (event.type === "completed") this.#add(event, result);
      else yield event;
    }
    return result;
  }

  /** The job's end. */
  completed(resolved: Partial<GenerationRequest>): CompletedEvent {
    return { type: "completed", timings: this.#timings, metrics: this.#metrics, resolved };
  }

  #isNew({ code, field, message }: WarningEvent): boolean {
    const key = JSON.stringify([code, field, message]);
    if (this.#said.has(key)) return false;
    this.#said.add(key);
    return true;
  }

  #add({ timings = {}, metrics = {}, resolved }: CompletedEvent, result: PartResult): void {
    Object.assign(result.resolved, resolved);
    for (const [phase, ms] of Object.entries(timings)) this.#timings[phase] = (this.#timings[phase] ?? 0) + ms;
    for (const [name, value] of Object.entries(metrics)) {
      const before = this.#metrics[name];
      this.#metrics[name] = typeof before === "number" && typeof value === "number" ? before + value : value;
    }
  }
}
