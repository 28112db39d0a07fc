import { LatentKitError } from "../../packages/core/src/index.ts";
import { Random } from "./random.ts";

/** One kind of hostile input: what is tried, and what counts as right. */
export interface Kind extends AsyncDisposable {
  /**
   * One trial. It returns when all is well; a LatentKit error is a refusal.
   *
   * @throws whatever is wrong: an untyped error, or a {@link Fault}.
   */
  once(random: Random): Promise<void>;
  /** No trial may take longer, in milliseconds. */
  longestMs: number;
}

/** Something that must never happen. */
export class Fault extends Error {}

/** What came of the trials of one kind. */
export interface Tally {
  tried: number;
  /** Refusals by their code. */
  refused: Map<string, number>;
  drawn: number;
  failures: string[];
  slowestMs: number;
}

/** Runs trials one after the other, until a number or a moment is reached. */
export async function runKind(kind: Kind, seed: number, until: { trials?: number; time?: number }): Promise<Tally> {
  const tally: Tally = { tried: 0, refused: new Map(), drawn: 0, failures: [], slowestMs: 0 };
  const { trials = Number.POSITIVE_INFINITY, time = Number.POSITIVE_INFINITY } = until;
  for (let i = 0; i < trials && performance.now() < time; i++) {
    // Each trial has a seed of its own: one that fails can be run alone.
    const own = (seed * 1_000_003 + i) >>> 0;
    const begun = performance.now();
    tally.tried++;
    try {
      await within(kind.once(new Random(own)), kind.longestMs);
      // Work that never lets anything else run has no deadline that could end it: it is late all the same.
      if (performance.now() - begun > kind.longestMs)
        throw new Fault(`held all else up for ${kind.longestMs} ms or more`);
      tally.drawn++;
    } catch (error) {
      if (LatentKitError.isInstance(error)) tally.refused.set(error.code, (tally.refused.get(error.code) ?? 0) + 1);
      else if (tally.failures.length < 20) tally.failures.push(`trial seed ${own}: ${describe(error)}`);
    }
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - begun);
  }
  return tally;
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Fault(`took longer than ${ms} ms`)), ms);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 300)}` : String(error);
}
