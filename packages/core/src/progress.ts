import type { Phase, ProgressEvent } from "./events.ts";

/** Makes progress events with an estimate of the time left, from the pace of the steps so far. */
export class ProgressClock {
  readonly #phase: Phase;
  readonly #steps: number;
  readonly #startedAt = performance.now();

  constructor(phase: Phase, steps: number) {
    this.#phase = phase;
    this.#steps = steps;
  }

  /** The event for `step` of `steps` done. */
  at(step: number, extra: Pick<ProgressEvent, "index" | "fraction"> = {}): ProgressEvent {
    const pace = step > 0 ? (performance.now() - this.#startedAt) / step : undefined;
    const eta = pace === undefined ? {} : { etaMs: Math.round(pace * (this.#steps - step)) };
    return { type: "progress", phase: this.#phase, step, steps: this.#steps, ...eta, ...extra };
  }
}
