import type { JobEvent } from "./shown-image.ts";

/** Appends an event; of the previews of one picture, and of the places in a line, only the newest stays. */
export function appendEvent(events: JobEvent[], event: JobEvent): void {
  if (event.type === "preview") {
    const stale = events.findIndex((other) => other.type === "preview" && other.index === event.index);
    if (stale >= 0) events.splice(stale, 1);
  }
  // Of the places in a line, too: who reads late wants to know how many are before it now.
  const last = events.at(-1);
  if (event.type === "queued" && last?.type === "queued" && last.handle === undefined) events.pop();
  events.push(event);
}

/**
 * One consumer's view of a job's events. Nothing waits for a slow consumer: of the previews that it has not read yet,
 * only the newest of each picture is kept. All else is kept.
 */
export class EventQueue implements AsyncIterableIterator<JobEvent> {
  readonly #events: JobEvent[] = [];
  readonly #onReturn: () => void;
  #end: { error?: unknown } | undefined;
  #waiting: (() => void)[] = [];

  /** `onReturn` is called when the consumer leaves before the end. */
  constructor(onReturn: () => void = () => {}) {
    this.#onReturn = onReturn;
  }

  push(event: JobEvent): void {
    if (this.#end !== undefined) return;
    appendEvent(this.#events, event);
    this.#wake();
  }

  end(reason: { error?: unknown }): void {
    this.#end ??= reason;
    this.#wake();
  }

  async next(): Promise<IteratorResult<JobEvent>> {
    while (true) {
      const event = this.#events.shift();
      if (event !== undefined) return { done: false, value: event };
      if (this.#end !== undefined) {
        if (!("error" in this.#end)) return { done: true, value: undefined };
        const { error } = this.#end;
        this.#end = {};
        throw error;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Leaving a `for await` loop stops the reading, not the job. */
  async return(): Promise<IteratorResult<JobEvent>> {
    this.#events.length = 0;
    this.#end = {};
    this.#onReturn();
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Wakes all who wait, in their order: the first takes what came, the others wait on. */
  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
