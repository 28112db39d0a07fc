import { GenerationError, type GenerationEvent, NotFoundError, reviveError } from "@latentkit/core";
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { type LogEntry, type News, readLog } from "./event-log.ts";
import type { Keys } from "./keys.ts";
import { backendId } from "./queue-options.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { loadEvent } from "./store/stored-events.ts";
import { parseNews } from "./told.ts";

/** What a job is followed with. */
export interface FollowContext {
  redis: Redis;
  queue: Queue;
  keys: Keys;
  store: ObjectStore;
  signal: AbortSignal;
  pollMs: number;
  /** Told each message on the job's channel until the returned function is called. */
  listen(channel: string, onNews: (news: string) => void): Promise<() => void>;
}

/** A job's events to its last, from its first, whoever works on it and however often it was begun. */
export async function* followJob(job: string, context: FollowContext): AsyncGenerator<GenerationEvent> {
  const { redis, keys, store, signal, pollMs } = context;
  const news: News[] = [];
  let wake = () => {};
  const leave = await context.listen(keys.news(job), (text) => {
    addNews(news, parseNews(text));
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  const seen = new Seen();
  let last = "";
  let isDue = true;
  try {
    while (true) {
      signal.throwIfAborted();
      if (isDue) {
        isDue = false;
        const entries = await readLog(redis, keys.events(job), last);
        for (const { id, entry } of entries) {
          last = id;
          if (entry === undefined) continue;
          if (entry.type === "error") throw reviveError(entry.error, backendId);
          if (!seen.isNew(entry)) continue;
          yield await loadEvent(entry, store);
          if (entry.type === "completed") return;
        }
        if (entries.length > 0) {
          isDue = true;
          continue;
        }
      }
      const next = news.shift();
      if (next !== undefined) {
        if ("log" in next) isDue = true;
        else if (seen.isNew(next.live)) yield next.live;
        continue;
      }
      const isAwake = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(resolve, pollMs, false);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      wake = () => {};
      // Messages may be lost while Redis is away: the log is looked at now and then.
      if (!isAwake) {
        isDue = true;
        await checkAlive(job, context, last);
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    leave();
  }
}

/** A reader who is slow holds no more than this. */
const mostNews = 256;

/** Of what is told at once the oldest gives way, as does a second call to look at the log. */
function addNews(news: News[], told: News | undefined): void {
  const last = news.at(-1);
  if (told === undefined || ("log" in told && last !== undefined && "log" in last)) return;
  news.push(told);
  if (news.length <= mostNews) return;
  const oldest = news.findIndex((other) => "live" in other);
  news.splice(oldest, 1);
}

/** What a second attempt tells again is told once. */
class Seen {
  readonly #images = new Map<number, string>();
  readonly #once = new Set<string>();
  readonly #steps = new Map<string, number>();

  isNew(event: LogEntry): boolean {
    if (event.type === "image") {
      const before = this.#images.get(event.index);
      this.#images.set(event.index, event.image.sha256);
      return before !== event.image.sha256;
    }
    if (event.type === "queued") return false;
    if (event.type === "started") {
      if (this.#once.has("started")) return false;
      this.#once.add("started");
      return true;
    }
    if (event.type === "warning") {
      const key = JSON.stringify(event);
      if (this.#once.has(key)) return false;
      this.#once.add(key);
      return true;
    }
    if (event.type === "progress") {
      const key = `${event.phase}/${event.index ?? ""}`;
      if (event.step < (this.#steps.get(key) ?? 0)) return false;
      this.#steps.set(key, event.step);
    }
    return true;
  }
}

/** A job that ended without a word: its worker died too often, or said nothing of it, or somebody removed it. */
async function checkAlive(job: string, { queue, redis, keys }: FollowContext, last: string): Promise<void> {
  const found = await queue.getJob(job);
  const state = await found?.getState();
  const isOver = state === "failed" || state === "completed" || state === "unknown";
  if (found !== undefined && !isOver) return;
  if ((await readLog(redis, keys.events(job), last)).length > 0) return;
  if (found === undefined)
    throw new NotFoundError("The queue knows this job no more: it was removed, or ended too long ago.", {
      backend: backendId,
      details: { id: job },
    });
  const why =
    state === "completed"
      ? "its worker called it done, and its log does not say so: is the worker of another version, or has Redis dropped it?"
      : (found.failedReason ?? "no reason was given");
  throw new GenerationError(`The job failed: ${why}`, {
    backend: backendId,
    details: { id: job },
  });
}
