import { invalid } from "../invalid.ts";
import type { NoiseSource } from "../sampler.ts";
import { type Seed, seedWords } from "./seed.ts";
import { seedSequence } from "./seed-sequence.ts";
import { torchRandn } from "./torch-generator.ts";

const f32 = Math.fround;
const POOL_SIZE = 24;
/** Decimals that times are told apart to: torchsde's tol of 1e-6. */
const DIGITS = 6;

/** Halved spans that are kept: the ways to some three times, down to the smallest span. What is asked next is near them. */
const RECENT = 64;

/** A span of the tree. */
interface Span {
  start: number;
  end: number;
  key: number;
  depth: number;
  /** The Brownian increment over the span. */
  increment: Float32Array;
}

type Halves = readonly [left: Span, right: Span];

/**
 * A Brownian motion as torchsde's `BrownianTree` makes it: the increment over an interval depends only on the seed, not on what else
 * was asked before, so other step counts see the same path. Virtual Brownian tree of Li et al. 2020 (https://arxiv.org/abs/2001.01328).
 */
export class BrownianTree {
  readonly #entropy: bigint;
  readonly #length: number;
  readonly #root: Span;
  readonly #randn: (seed: Seed, n: number) => Float32Array;
  /** The halves of the spans last used, oldest first: all of a long run's would take gigabytes, and the others can be drawn again. */
  readonly #recent = new Map<string, Halves>();

  /**
   * @param length - How many values, all independent, a path has.
   * @param randn - Where the tree's nodes get their normals: torch's CPU generator unless given.
   */
  constructor(seed: Seed, length: number, start: number, end: number, randn = torchRandn) {
    seedWords(seed);
    this.#randn = randn;
    if (!(start < end)) invalid("end", `must be above start (${start}), not ${end}`);
    this.#entropy = BigInt(seed);
    this.#length = length;
    const [first] = seedSequence(this.#entropy, [], POOL_SIZE, 1);
    const scale = f32(Math.sqrt(end - start));
    const increment = randn(first!, length).map((value) => value * scale);
    this.#root = { start: round(start), end: round(end), key: 0, depth: 0, increment };
  }

  /** W(to) − W(from), from < to; both are moved into the tree's interval. */
  increment(from: number, to: number): Float32Array {
    const { start, end } = this.#root;
    const clip = (time: number) => round(Math.min(Math.max(time, start), end));
    const [a, b] = [clip(from), clip(to)];
    const total = new Float32Array(this.#length);
    if (a < b)
      for (const part of this.#cover(this.#root, a, b))
        for (let i = 0, length = total.length; i < length; i++) total[i]! += part[i]!;
    return total;
  }

  /** The increments of the spans that make up [from, to], which lies in `span`. */
  *#cover(span: Span, from: number, to: number): Generator<Float32Array> {
    if (from === span.start && to === span.end) {
      yield span.increment;
      return;
    }
    const [left, right] = this.#halves(span);
    const middle = left.end;
    if (to <= middle) yield* this.#cover(left, from, to);
    else if (from >= middle) yield* this.#cover(right, from, to);
    else {
      yield* this.#cover(left, from, middle);
      yield* this.#cover(right, middle, to);
    }
  }

  #halves(span: Span): Halves {
    const place = `${span.depth} ${span.key}`;
    const halves = this.#recent.get(place) ?? this.#halve(span);
    this.#recent.delete(place);
    this.#recent.set(place, halves);
    if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value!);
    return halves;
  }

  /** A span's two halves: the left one's increment is a Brownian bridge's, the right one's what is left. */
  #halve(span: Span): Halves {
    const { start, end, key, depth } = span;
    const half = 0.5 * (end + start);
    const middle = round(half);
    const [seed] = seedSequence(this.#entropy, [key, depth], POOL_SIZE, 1);
    const noise = this.#randn(seed!, this.#length);
    const [before, after, inverse] = [middle - start, end - middle, 1 / (end - start)];
    const [weight, deviation] = [f32(before), f32(Math.sqrt(before * after * inverse))];
    const inverse32 = f32(inverse);
    const whole = span.increment;
    const left = new Float32Array(noise.length);
    const right = new Float32Array(noise.length);
    for (let i = 0, length = left.length; i < length; i++) {
      left[i] = f32(f32(weight * whole[i]!) * inverse32) + f32(deviation * noise[i]!);
      right[i] = whole[i]! - left[i]!;
    }
    return [
      { start, end: middle, key: 2 * key, depth: depth + 1, increment: left },
      { start: middle, end, key: 2 * key + 1, depth: depth + 1, increment: right },
    ];
  }
}

/** Python's `round(time, 6)`: exact, halves to even. Only odd multiples of 1/128 are halves. */
function round(time: number): number {
  if (!Number.isInteger(time * 128) || Number.isInteger(time * 64)) return Number(time.toFixed(DIGITS));
  const below = Math.floor(time * 10 ** DIGITS);
  return (below % 2 === 0 ? below : below + 1) / 10 ** DIGITS;
}

/** What {@link brownianNoise} takes. */
export interface BrownianNoiseOptions {
  seed: Seed;
  /** Values in a latent. */
  length: number;
  /** The run's noise levels, which set the tree's ends: the lowest above 0 and the highest. */
  sigmas: ArrayLike<number>;
  /** Where the tree's nodes get their normals: torch's CPU generator unless given. */
  randn?: (seed: Seed, n: number) => Float32Array;
}

/**
 * Noise for the SDE samplers from a Brownian tree over σ, as k-diffusion, ComfyUI and diffusers' DPMSolverSDEScheduler have it: the
 * increment over a step's interval, scaled to unit variance.
 */
export function brownianNoise({ seed, length, sigmas, randn = torchRandn }: BrownianNoiseOptions): NoiseSource {
  const levels = Array.from(sigmas, f32).filter((sigma) => sigma > 0);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  // A single level leaves the tree no span, and no step that would need one.
  const tree = new BrownianTree(seed, length, low, high > low ? high : low + 1, randn);
  return (sigma, sigmaNext) => {
    const [from, to] = [f32(sigma), f32(sigmaNext)];
    const span = f32(Math.sqrt(Math.abs(f32(to - from))));
    if (span === 0) return new Float32Array(length);
    const sign = from < to ? 1 : -1;
    const increment = tree.increment(Math.min(from, to), Math.max(from, to));
    for (let i = 0, length = increment.length; i < length; i++) increment[i] = (sign * increment[i]!) / span;
    return increment;
  };
}
