/** Ways of interpolating, as torch's `interpolate` has them: without antialiasing, corners not aligned. */
export const interpolations = ["nearest", "nearest-exact", "bilinear", "bicubic"] as const;
/** One of {@link interpolations}. */
export type Interpolation = (typeof interpolations)[number];

/** What enlarges a latent where a request names nothing: A1111's "Latent". */
export const defaultUpscaler: Interpolation = "bilinear";

/** For each place of a line, `count` places of the source and what each counts. */
export interface Taps {
  count: number;
  places: Int32Array;
  weights: Float32Array;
}

/** How a line of `from` values becomes one of `to`. */
export function tapsOf(from: number, to: number, way: Interpolation): Taps {
  const scale = from / to;
  const own = (i: number): [first: number, weights: readonly number[]] => {
    if (way === "nearest") return [Math.floor(i * scale), [1]];
    if (way === "nearest-exact") return [Math.floor((i + 0.5) * scale), [1]];
    const at = (i + 0.5) * scale - 0.5;
    const start = way === "bilinear" ? Math.max(0, at) : at;
    const [first, t] = [Math.floor(start), start - Math.floor(start)];
    return way === "bilinear" ? [first, [1 - t, t]] : [first - 1, [far(t + 1), near(t), near(1 - t), far(2 - t)]];
  };
  const count = own(0)[1].length;
  const [places, weights] = [new Int32Array(count * to), new Float32Array(count * to)];
  for (let i = 0; i < to; i++) {
    const [first, each] = own(i);
    for (const [k, weight] of each.entries()) {
      places[count * i + k] = Math.min(from - 1, Math.max(0, first + k));
      weights[count * i + k] = weight;
    }
  }
  return { count, places, weights };
}

/** Keys' kernel with a = −0.75. */
const a = -0.75;
const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
const far = (d: number) => (((d - 5) * d + 8) * d - 4) * a;
