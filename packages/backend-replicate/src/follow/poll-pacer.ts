/** How often predictions are asked about. */
export interface PollOptions {
  /** First wait, in milliseconds; waits grow from it. Default 500. */
  minMs?: number | undefined;
  /** Longest wait, in milliseconds. Default 5000. */
  maxMs?: number | undefined;
}

/**
 * The pace of polling, shared by all jobs of a backend: waits grow with a prediction's age, and with the number of
 * predictions, so that a thousand of them stay below the calls a minute that are allowed.
 */
export class PollPacer {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #callsPerMinute: number;
  #active = 0;

  constructor({ minMs = 500, maxMs = 5000 }: PollOptions, callsPerMinute: number) {
    this.#minMs = minMs;
    this.#maxMs = Math.max(maxMs, minMs);
    this.#callsPerMinute = callsPerMinute;
  }

  begin(): void {
    this.#active++;
  }

  end(): void {
    this.#active--;
  }

  /**
   * Milliseconds before poll number `attempt` (from 0), with jitter so that polls do not march in step. Where the log
   * estimates the end, the next look is soon after it.
   */
  delay(attempt: number, etaMs = Number.POSITIVE_INFINITY): number {
    const grown = Math.min(this.#minMs * 1.4 ** attempt, this.#maxMs);
    const soon = Math.max(etaMs + this.#minMs / 2, this.#minMs);
    // A fifth of the allowance is left for all that is not polling.
    const fair = (this.#active * 60_000) / (this.#callsPerMinute * 0.8);
    return Math.max(Math.min(grown, soon), fair) * (0.9 + Math.random() * 0.2);
  }
}
