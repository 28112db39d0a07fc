import { invalid, requireNumber } from "../invalid.ts";

/** A latent's shape: [channels, height, width]. */
export type LatentShape = readonly [channels: number, height: number, width: number];

/**
 * Spherical interpolation between two noises: `t` 0 gives `low`, 1 gives `high`. With a `shape`, as A1111 does for variation seeds:
 * the angle is taken apart for each column of each channel. Nearly parallel noises are mixed linearly.
 */
export function slerp(t: number, low: Float32Array, high: Float32Array, shape?: LatentShape): Float32Array {
  requireNumber("t", t, 0, 1);
  if (low.length !== high.length) invalid("high", `has ${high.length} values, must have ${low.length}`);
  const [channels, height, width] = shape ?? [1, low.length, 1];
  if (channels * height * width !== low.length)
    invalid("shape", `is of ${channels * height * width} values, not ${low.length}`);
  const out = new Float32Array(low.length);
  for (let channel = 0; channel < channels; channel++)
    for (let column = 0; column < width; column++) {
      const from = channel * height * width + column;
      const end = from + height * width;
      let [dot, lowNorm, highNorm] = [0, 0, 0];
      for (let i = from; i < end; i += width) {
        dot += low[i]! * high[i]!;
        lowNorm += low[i]! ** 2;
        highNorm += high[i]! ** 2;
      }
      const [a, b] = weights(t, dot / Math.sqrt(lowNorm * highNorm));
      for (let i = from; i < end; i += width) out[i] = a * low[i]! + b * high[i]!;
    }
  return out;
}

function weights(t: number, cosine: number): [number, number] {
  if (!(cosine <= 0.9995) || cosine <= -1) return [1 - t, t];
  const omega = Math.acos(cosine);
  return [Math.sin((1 - t) * omega) / Math.sin(omega), Math.sin(t * omega) / Math.sin(omega)];
}
