import type { JobEvent } from "@latentkit/core";

/** One thing that happened to a job, under a number that stays its own. */
export interface LogItem {
  id: number;
  /** An event; or how the job ended. */
  event: JobEvent | { type: "done" } | { type: "error"; error: unknown };
}

/** More steps than this are not told again to one who comes late. */
const maxProgress = 2000;

/**
 * What happened to a job, for any number of readers, each at a place of its own: a slow one holds nothing of its own in memory. Of
 * unfinished pictures, and of places in a line, only the newest is kept.
 */
export class JobLog {
  readonly #items: LogItem[] = [];
  #waiting: (() => void)[] = [];
  #next = 0;
  #progress = 0;
  #isEnded = false;

  add(event: LogItem["event"]): void {
    if (this.#isEnded) return;
    if (event.type === "preview") this.#drop((other) => other.type === "preview" && other.index === event.index);
    if (event.type === "queued") this.#drop((other) => other.type === "queued");
    if (event.type === "progress" && ++this.#progress > maxProgress) {
      this.#drop((other) => other.type === "progress", 1);
      this.#progress--;
    }
    this.#isEnded = event.type === "done" || event.type === "error";
    // Nobody needs an unfinished picture of a job that is over.
    if (this.#isEnded) this.#drop((other) => other.type === "preview");
    this.#items.push({ id: this.#next++, event });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first item after a number, or undefined where the job has ended before. Waits for it, or until `ms` have gone by. */
  async after(id: number, ms: number): Promise<LogItem | "later" | undefined> {
    for (let isLate = false; ; ) {
      const item = this.#firstAfter(id);
      if (item !== undefined) return item;
      if (this.#isEnded) return undefined;
      if (isLate) return "later";
      isLate = await this.#wait(ms);
    }
  }

  /** The newest event of a type, where it is still kept. */
  last<T extends LogItem["event"]["type"]>(type: T): Extract<LogItem["event"], { type: T }> | undefined {
    return this.#items.findLast(({ event }) => event.type === type)?.event as Extract<LogItem["event"], { type: T }>;
  }

  #firstAfter(id: number): LogItem | undefined {
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#items[middle]!.id > id) high = middle;
      else low = middle + 1;
    }
    return this.#items[low];
  }

  #wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== wake);
        resolve(true);
      }, ms);
      this.#waiting.push(wake);
    });
  }

  #drop(isStale: (event: LogItem["event"]) => boolean, most = Number.POSITIVE_INFINITY): void {
    let left = most;
    for (let i = 0; i < this.#items.length && left > 0; i++) {
      if (!isStale(this.#items[i]!.event)) continue;
      this.#items.splice(i--, 1);
      left--;
    }
  }
}
