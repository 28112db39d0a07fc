/** Bits after the point of a weight, as in Pillow: 32 less a pixel's 8, less 2 for sums beyond the range. */
export const weightBits = 22;

/** Lobes of Lanczos' filter on either side. */
const lobes = 3;

/** Filters by Pillow's names: what is within `support` pixels of a middle counts by `weight` of the distance. */
const filters = {
  lanczos: { support: lobes, weight: lanczos },
  bicubic: { support: 2, weight: bicubic },
};

/** Lanczos' windowed sinc (Duchon 1979), or the cubic convolution of Keys 1981 with a = −0.5. */
export type ResampleFilter = keyof typeof filters;

/** For each pixel of a line, which of the source's count and how much. */
export interface ResampleWeights {
  /** The first pixel of the source. */
  first: Int32Array;
  /** How many from there on. */
  count: Int32Array;
  /** Weights of 22 bits after the point, `stride` places for each pixel. */
  weights: Int32Array;
  stride: number;
}

/**
 * The weights with which a line of `from` pixels becomes one of `to`: the filter's, stretched where the line shrinks, in Pillow's
 * arithmetic.
 */
export function resampleWeights(from: number, to: number, filter: ResampleFilter): ResampleWeights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const { support: reach, weight } = filters[filter];
  const support = reach * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const length = Math.min(from, Math.trunc(centre + support + 0.5)) - begin;
    const exact = Array.from({ length }, (_, k) => weight((k + begin - centre + 0.5) * (1 / stretch)));
    const sum = exact.reduce((total, value) => total + value, 0);
    first[i] = begin;
    count[i] = length;
    for (const [k, value] of exact.entries()) weights[i * stride + k] = fixed(sum === 0 ? value : value / sum);
  }
  return { first, count, weights, stride };
}

function fixed(weight: number): number {
  return Math.trunc(weight * 2 ** weightBits + (weight < 0 ? -0.5 : 0.5));
}

function lanczos(x: number): number {
  return x >= -lobes && x < lobes ? sinc(x) * sinc(x / lobes) : 0;
}

function bicubic(x: number): number {
  const [a, d] = [-0.5, Math.abs(x)];
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
