import { GenerationError, TimeoutError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import { positionIn, type QueueSnapshot } from "../server/queue.ts";

/** Looks without an answer from queue and history before a job counts as lost. */
const missesUntilLost = 2;
/** Looks at waiting jobs that nobody works on before the worker counts as dead. */
const idleLooksUntilDead = 3;

/** How long a running prompt with a node that kills the worker may stand before the worker counts as dead. */
const deadlyMs = 60_000;

/** Where a job stands by the queue. */
export type Standing = "running" | "pending" | "absent";

/** Tells slow work from work that will never end, by what queue and socket say over time. */
export class Watchdog {
  readonly #promptId: string;
  readonly #limits: { stallMs: number; queueStallMs: number };
  #queue = "";
  #signs = 0;
  #queueMoved = performance.now();
  #sign = performance.now();
  #misses = 0;
  #idleLooks = 0;

  constructor(promptId: string, limits: { stallMs: number; queueStallMs: number }) {
    this.#promptId = promptId;
    this.#limits = limits;
  }

  /** A frame came for the job. */
  alive(): void {
    this.#sign = performance.now();
    this.#misses = 0;
    this.#idleLooks = 0;
  }

  /**
   * Judges one look at the queue.
   *
   * @param signs how many frames of any work have come so far: also those of the jobs in front.
   * @throws TimeoutError for a running job without a sign of life, GenerationError when the worker is dead.
   */
  look(queue: QueueSnapshot, signs = 0): Standing {
    const position = positionIn(queue, this.#promptId);
    if (position === undefined) return "absent";
    this.#misses = 0;
    if (queue.running.includes(this.#promptId)) {
      this.#idleLooks = 0;
      if (performance.now() - this.#sign > this.#limits.stallMs) throw this.#stalled();
      return "running";
    }
    this.#sign = performance.now();
    this.#idleLooks = queue.running.length === 0 ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks >= idleLooksUntilDead || this.#isStuck(queue, signs)) throw this.#dead();
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

  /** Whether queue and socket have been still too long: the worker may have died over the job in front. */
  #isStuck(queue: QueueSnapshot, signs: number): boolean {
    const now = JSON.stringify(queue);
    if (now !== this.#queue || signs !== this.#signs) this.#queueMoved = performance.now();
    this.#queue = now;
    this.#signs = signs;
    const { queueStallMs } = this.#limits;
    return performance.now() - this.#queueMoved > (queue.runsDeadly ? Math.min(deadlyMs, queueStallMs) : queueStallMs);
  }

  #stalled(): TimeoutError {
    const { stallMs } = this.#limits;
    const details = { promptId: this.#promptId, reason: "stalled", stallMs };
    return new TimeoutError(
      `The server has shown no sign of work on the running job for ${stallMs} ms (stallMs).`,
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
