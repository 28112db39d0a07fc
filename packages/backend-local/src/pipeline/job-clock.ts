import type { Phase, ProgressEvent } from "@latentkit/core";

/** Share of an image's work that is sampling; the rest is decoding. Only for the bar. */
const samplingShare = 0.95;

/** A stretch of an image's sampling, in shares of it. */
export interface Stretch {
  from: number;
  to: number;
}

/** All of it. */
export const wholePass: Stretch = { from: 0, to: 1 };

/** Times a job's phases and estimates what is left, over all of its images. */
export class JobClock {
  readonly timings: Record<string, number> = { loadMs: 0, encodeMs: 0, sampleMs: 0, decodeMs: 0 };
  readonly #count: number;
  #sampledFrom: number | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** Adds the time that `work` takes to a phase. */
  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    try {
      return await work();
    } finally {
      this.add(phase, performance.now() - from);
    }
  }

  add(phase: Phase, ms: number): void {
    const key = `${phase}Ms`;
    this.timings[key] = (this.timings[key] ?? 0) + ms;
  }

  /** Progress of a phase that is not an image's. */
  phase(phase: Phase, step: number, steps: number): ProgressEvent {
    return { type: "progress", phase, step, steps };
  }

  /** Progress of image `index`; of a pass that is not all of its sampling, from one share of that to another. */
  image(phase: Phase, index: number, step: number, steps: number, { from, to } = wholePass): ProgressEvent {
    const sampled = samplingShare * (from + (to - from) * (steps === 0 ? 1 : step / steps));
    const done = phase === "decode" ? samplingShare + (1 - samplingShare) * (step / steps) : sampled;
    return this.#progress(phase, index, step, steps, done);
  }

  /** Progress of image `index` where a phase is all of its work. */
  whole(phase: Phase, index: number, step: number, steps: number): ProgressEvent {
    return this.#progress(phase, index, step, steps, step / steps);
  }

  #progress(phase: Phase, index: number, step: number, steps: number, done: number): ProgressEvent {
    this.#sampledFrom ??= performance.now();
    const fraction = (index + done) / this.#count;
    const elapsed = performance.now() - this.#sampledFrom;
    const eta = fraction > 0 ? { etaMs: Math.round((elapsed * (1 - fraction)) / fraction) } : {};
    return { type: "progress", phase, step, steps, index, fraction, ...eta };
  }
}
