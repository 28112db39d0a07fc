import { GenerationError, TimeoutError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import type { ResolvedOptions } from "../comfy-options.ts";
import { positionIn, type QueueSnapshot } from "../server/queue.ts";

/** Looks without an answer from queue and history before a job counts as lost. */
const missesUntilLost = 2;
/** Looks at waiting jobs that nobody works on, so many `pollMs` apart from first to last, before the worker counts as dead. */
const idleLooksUntilDead = 3;
const idlePollsUntilDead = 6;

/** How long a running prompt with a node that kills the worker may stand before the worker counts as dead. */
const deadlyMs = 60_000;

/** Where a job stands by the queue. */
export type Standing = "running" | "pending" | "absent";

/** What the watchdog goes by. */
export type WatchdogLimits = Pick<ResolvedOptions, "stallMs" | "queueStallMs" | "pollMs">;

/** What can be heard of the server. */
export interface Hearing {
  /** How many frames of any work have come so far: also those of the jobs in front. */
  signs: number;
  /** Whether there is a socket at all: without one, silence says nothing. */
  isOpen: boolean;
}

/** Tells slow work from work that will never end, by what queue and socket say over time. */
export class Watchdog {
  readonly #promptId: string;
  readonly #limits: WatchdogLimits;
  #queue = "";
  #signs = 0;
  #queueMoved = performance.now();
  #sign = performance.now();
  /** When last nothing could be heard. */
  #deaf = performance.now();
  #misses = 0;
  /** Since when nobody works on the jobs that wait, and which is the next. */
  #idle: { since: number; next: string | undefined; looks: number } | undefined;

  constructor(promptId: string, limits: WatchdogLimits) {
    this.#promptId = promptId;
    this.#limits = limits;
  }

  /** A frame came for the job. */
  alive(): void {
    this.#sign = performance.now();
    this.#misses = 0;
    this.#idle = undefined;
  }

  /** When the job last gave a sign of life, as `performance.now()` has it. */
  get lastSign(): number {
    return this.#sign;
  }

  /** How long a running job has been silent, as far as that could be heard. In milliseconds. */
  get silentMs(): number {
    return performance.now() - Math.max(this.#sign, this.#deaf);
  }

  /**
   * Judges one look at the queue.
   *
   * @throws TimeoutError for a running job without a sign of life, GenerationError when the worker is dead.
   */
  look(queue: QueueSnapshot, { signs, isOpen }: Hearing): Standing {
    const position = positionIn(queue, this.#promptId);
    if (position === undefined) return "absent";
    this.#misses = 0;
    if (!isOpen) this.#deaf = performance.now();
    if (queue.running.includes(this.#promptId)) {
      this.#idle = undefined;
      this.#refuseSilence();
      return "running";
    }
    this.#sign = performance.now();
    if (this.#isIdle(queue) || this.#isStuck(queue, signs)) throw this.#dead();
    return "pending";
  }

  /** Neither in queue nor in history. @throws GenerationError when that is certain. */
  miss(): void {
    this.#misses++;
    if (this.#misses < missesUntilLost) return;
    const details = { promptId: this.#promptId, reason: "lost" };
    throw new GenerationError(
      "The server no longer knows the job: it was restarted, or somebody removed the job from its queue.",
      comfyDetails({ retryable: true, details }),
    );
  }

  /**
   * Whether nobody has worked on the waiting jobs for too long. Between two jobs nothing runs for a moment, or for some
   * seconds where the worker unloads models: time counts, not how often one looked, and a job taken in between is work.
   */
  #isIdle({ running, pending }: QueueSnapshot): boolean {
    const now = performance.now();
    if (running.length > 0) {
      this.#idle = undefined;
      return false;
    }
    if (this.#idle?.next !== pending[0]) this.#idle = undefined;
    this.#idle ??= { since: now, next: pending[0], looks: 0 };
    this.#idle.looks++;
    return this.#idle.looks >= idleLooksUntilDead && now - this.#idle.since >= idlePollsUntilDead * this.#limits.pollMs;
  }

  /** Whether queue and socket have been still too long: the worker may have died over the job in front. */
  #isStuck(queue: QueueSnapshot, signs: number): boolean {
    const now = JSON.stringify(queue);
    if (now !== this.#queue || signs !== this.#signs) this.#queueMoved = performance.now();
    this.#queue = now;
    this.#signs = signs;
    const { queueStallMs } = this.#limits;
    return performance.now() - this.#queueMoved > (queue.runsDeadly ? Math.min(deadlyMs, queueStallMs) : queueStallMs);
  }

  /** Without a socket a running job has no way to show signs of life: it may take as long as a queue may stand still. */
  #refuseSilence(): void {
    const { stallMs, queueStallMs } = this.#limits;
    const isSilent = this.silentMs > stallMs;
    if (!isSilent && performance.now() - this.#sign <= Math.max(stallMs, queueStallMs)) return;
    const limit = isSilent ? `${stallMs} ms (stallMs)` : `${queueStallMs} ms (queueStallMs), without a WebSocket`;
    const details = { promptId: this.#promptId, reason: "stalled", stallMs };
    throw new TimeoutError(
      `The server has shown no sign of work on the running job for ${limit}.`,
      comfyDetails({ details }),
    );
  }

  #dead(): GenerationError {
    const details = { promptId: this.#promptId, reason: "worker_dead" };
    return new GenerationError(
      "The server takes jobs, but nothing moves in its queue: its worker has died. Restart ComfyUI.",
      comfyDetails({ retryable: true, details }),
    );
  }
}
