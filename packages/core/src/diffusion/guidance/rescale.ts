import { scale } from "../blend.ts";

/**
 * Guidance rescale: brings the guided output's standard deviation back to the conditional one's, `φ` of the way. Section 3.4 of Lin et al.
 * 2023 (https://arxiv.org/abs/2305.08891). Written over `guided`, which is one sample.
 */
export function rescaleGuidance(guided: Float32Array, cond: Float32Array, phi: number): Float32Array {
  if (phi === 0) return guided;
  const spread = deviation(guided);
  // A flat output has nothing to scale.
  const factor = spread === 0 ? 1 : phi * (deviation(cond) / spread) + (1 - phi);
  return scale(guided, factor, guided);
}

/** The sample's standard deviation, with n − 1 as torch has it. */
function deviation(values: Float32Array): number {
  let sum = 0;
  for (let i = 0, length = values.length; i < length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0, length = values.length; i < length; i++) squares += (values[i]! - mean) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}
