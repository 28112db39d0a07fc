import type { GenerationEvent, SerializedError } from "@latentkit/core";
import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import type { StoredEvent } from "./store/stored-events.ts";
import { parseEntry } from "./told.ts";

/** What stands in a job's log: its events, or the error that it ended with. */
export type LogEntry = StoredEvent | { type: "error"; error: SerializedError };

/** What is told at once and not kept, but for the last progress. */
export type LiveEvent = Extract<GenerationEvent, { type: "progress" | "preview" }>;

/** A message on a job's channel: something is new in its log, or the event itself. */
export type News = { log: true } | { live: LiveEvent };

/** Whether what an attempt writes is still wanted: it is; the job is cancelled; another attempt has taken its place. */
export type Written = "ok" | "cancelled" | "lost";

/** One step for Redis, so that an attempt that was given up cannot write between the look and the act. */
const script = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 'lost' end
-- A job may take longer than things are kept.
redis.call('pexpire', KEYS[1], ARGV[4])
if redis.call('exists', KEYS[2]) == 1 then return 'cancelled' end
if ARGV[2] == 'log' then
  redis.call('xadd', KEYS[3], '*', 'e', ARGV[3])
  redis.call('pexpire', KEYS[3], ARGV[4])
elseif ARGV[2] == 'progress' then
  redis.call('set', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
redis.call('publish', ARGV[5], ARGV[6])
return 'ok'`;

interface Scripts {
  latentkitTell(...args: (string | number)[]): Promise<Written>;
}

/** What one attempt at a job writes. */
export class EventWriter {
  readonly #redis: Redis & Scripts;
  readonly #keys: Keys;
  readonly #job: string;
  readonly #token: string;
  readonly #keepMs: number;

  constructor(redis: Redis, keys: Keys, about: { job: string; token: string; keepMs: number }) {
    if (!("latentkitTell" in redis)) redis.defineCommand("latentkitTell", { numberOfKeys: 3, lua: script });
    this.#redis = redis as Redis & Scripts;
    this.#keys = keys;
    this.#job = about.job;
    this.#token = about.token;
    this.#keepMs = Math.round(about.keepMs);
  }

  /** From now on this attempt alone may write. */
  async begin(): Promise<void> {
    await this.#redis.set(this.#keys.fence(this.#job), this.#token, "PX", this.#keepMs);
  }

  log(entry: LogEntry): Promise<Written> {
    return this.#tell("log", this.#keys.events(this.#job), JSON.stringify(entry), { log: true });
  }

  live(event: LiveEvent): Promise<Written> {
    const json = JSON.stringify(event);
    const isProgress = event.type === "progress";
    return this.#tell(isProgress ? "progress" : "live", this.#keys.progress(this.#job), isProgress ? json : "", {
      live: event,
    });
  }

  #tell(kind: string, key: string, json: string, news: News): Promise<Written> {
    const { fence, cancelled, news: channel } = this.#keys;
    const keys = [fence(this.#job), cancelled(this.#job), key];
    const rest = [this.#token, kind, json, this.#keepMs, channel(this.#job), JSON.stringify(news)];
    return this.#redis.latentkitTell(...keys, ...rest);
  }
}

/** Entries of a job's log behind `after`, at most a hundred; undefined are those of kinds that are not known here. */
export async function readLog(
  redis: Redis,
  key: string,
  after: string,
): Promise<{ id: string; entry: LogEntry | undefined }[]> {
  const found = await redis.xrange(key, after === "" ? "-" : `(${after}`, "+", "COUNT", 100);
  return found.map(([id, [, json = "{}"]]) => ({ id, entry: parseEntry(json) }));
}
