import { LatentKitError } from "@latentkit/core";
import type { ServerBackend } from "../comfy-backend.ts";
import { readQueue } from "../server/queue.ts";

/** How a server of a pool was found. */
export interface ServerHealth {
  url: string;
  reachable: boolean;
  /** Jobs that run and wait there, other people's too. */
  jobs?: number;
  /** Why it cannot be used. */
  error?: string;
}

/** Failures in a row make a server be left alone for a while, up to this long. */
const longestRestMs = 60_000;
const firstRestMs = 1_000;
/** Jobs that start together share a look that is this young. */
const lookAgeMs = 250;
/** A server that takes longer to answer is not waited for while others answer. */
const promptMs = 400;

interface Look {
  begun: number;
  answer: Promise<ServerHealth>;
  isOver: boolean;
}

/** One server of a pool, with what the pool knows of it. */
export class PoolMember {
  readonly backend: ServerBackend;
  /** Jobs of ours that are on their way there, or run. */
  assigned = 0;
  /** The model that our last job there used: it is loaded, most likely. */
  warmModel: string | undefined;
  readonly #healthMs: number;
  #failures = 0;
  #restsUntil = 0;
  #look: Look | undefined;

  /** @param healthMs how long a look may take. */
  constructor(backend: ServerBackend, healthMs: number) {
    this.backend = backend;
    this.#healthMs = healthMs;
  }

  get url(): string {
    return this.backend.server.url;
  }

  /** Whether its answer is worth waiting for: it answered when it was last asked, and is not late with the next. */
  get isWell(): boolean {
    const isLate = this.#look?.isOver === false && performance.now() - this.#look.begun > promptMs;
    return this.#failures === 0 && !isLate;
  }

  /** Asks for its queue, for at most `healthMs`; one that has just failed is not asked again for a while. */
  look(): Promise<ServerHealth> {
    const now = performance.now();
    if (this.#look?.isOver === false) return this.#look.answer;
    if (now < this.#restsUntil) {
      return Promise.resolve({ url: this.url, reachable: false, error: "it failed a moment ago" });
    }
    if (this.#look !== undefined && now - this.#look.begun < lookAgeMs) return this.#look.answer;
    const answer = this.#ask().finally(() => {
      look.isOver = true;
    });
    const look: Look = { begun: now, answer, isOver: false };
    this.#look = look;
    return answer;
  }

  /** It has failed: it rests, longer each time. */
  fail(): void {
    this.#restsUntil = performance.now() + Math.min(longestRestMs, firstRestMs * 2 ** this.#failures);
    this.#failures++;
  }

  async #ask(): Promise<ServerHealth> {
    const { url } = this;
    const limit = AbortSignal.timeout(this.#healthMs);
    try {
      const { running, pending } = await readQueue(this.backend.server.http, limit);
      this.#failures = 0;
      return { url, reachable: true, jobs: running.length + pending.length };
    } catch (error) {
      this.fail();
      if (limit.aborted) return { url, reachable: false, error: `it did not answer within ${this.#healthMs} ms` };
      return { url, reachable: false, error: LatentKitError.isInstance(error) ? error.message : String(error) };
    }
  }
}

/**
 * Looks at all servers, and waits for those that were well when last seen, a moment at most: for the others only as
 * long as nobody else has answered.
 *
 * @returns each server's answer; undefined for one that has not answered yet.
 */
export function firstAnswers(members: readonly PoolMember[]): Promise<(ServerHealth | undefined)[]> {
  const answers = members.map((): ServerHealth | undefined => undefined);
  const isWell = members.map((member) => member.isWell);
  let isLate = false;
  return new Promise((resolve) => {
    const settle = () => {
      const isAny = answers.some((answer) => answer?.reachable === true);
      const missing = answers.flatMap((answer, i) => (answer === undefined ? [i] : []));
      if (missing.length > 0 && !(isAny && (isLate || missing.every((i) => !isWell[i])))) return;
      clearTimeout(timer);
      resolve([...answers]);
    };
    const timer = setTimeout(() => {
      isLate = true;
      settle();
    }, promptMs);
    for (const [i, member] of members.entries()) {
      void member.look().then((answer) => {
        answers[i] = answer;
        settle();
      });
    }
  });
}
