import PQueue from "p-queue";

/** Calls a minute that may be made; `Infinity` is no limit. */
export interface RateLimits {
  /** Predictions and trainings created. Replicate's own limit, and the default: 600. */
  createsPerMinute?: number | undefined;
  /** All other calls. Replicate's own limit, and the default: 3000. */
  callsPerMinute?: number | undefined;
}

/** Which of Replicate's two budgets a call counts against. */
export type Budget = "create" | "call";

interface Gate {
  queue: PQueue;
  closedUntil: number;
  /** Opens the gate again. */
  timer?: NodeJS.Timeout;
  perMinute: number;
}

/**
 * A gate before each call, shared by all jobs of a backend: never more calls in any 60 s than Replicate allows, and none
 * at all for as long as a 429 asked to wait.
 */
export class RateLimiter {
  readonly #gates: Record<Budget, Gate>;

  constructor({ createsPerMinute = 600, callsPerMinute = 3000 }: RateLimits = {}) {
    this.#gates = { create: gate(createsPerMinute), call: gate(callsPerMinute) };
  }

  /** Reads a minute that are allowed: the pace of polling follows it. */
  get callsPerMinute(): number {
    return this.#gates.call.perMinute;
  }

  /** Resolves when one call may be made. A cancel goes before all others: `priority` 1. */
  async take(budget: Budget, { signal, priority = 0 }: { signal?: AbortSignal | undefined; priority?: number } = {}) {
    const { queue, timer } = this.#gates[budget];
    if (queue.isPaused) timer?.ref();
    if (this.#gates[budget].perMinute === Number.POSITIVE_INFINITY && !queue.isPaused) return signal?.throwIfAborted();
    await queue.add(() => {}, { priority, ...(signal === undefined ? {} : { signal }) });
  }

  /** Lets no call through for a while: the server said so. The signal ends the waiting, not the pause. */
  async pause(budget: Budget, ms: number, signal?: AbortSignal): Promise<void> {
    const gate = this.#gates[budget];
    const until = Date.now() + ms;
    if (until <= gate.closedUntil) return;
    gate.closedUntil = until;
    gate.queue.pause();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      if (gate.closedUntil === until) gate.queue.start();
      resolve();
    }, ms);
    gate.timer = timer;
    const onAbort = () => {
      // A pause that nobody waits for any more keeps no process alive.
      if (gate.queue.size === 0) timer.unref();
      resolve();
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    await promise;
    signal?.removeEventListener("abort", onAbort);
  }
}

function gate(perMinute: number): Gate {
  const limited = Number.isFinite(perMinute);
  const queue = new PQueue(limited ? { intervalCap: perMinute, interval: 60_000, strict: true } : {});
  return { queue, closedUntil: 0, perMinute };
}
