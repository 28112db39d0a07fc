import { clip, scale } from "./blend.ts";

/** Clips every value to [−range, range], in place. */
export function clipSample(range: number): (denoised: Float32Array) => void {
  return (denoised) => {
    clip(denoised, denoised, -range, range);
  };
}

/**
 * Dynamic thresholding: clips to the `ratio` quantile of |x0| (at least 1, at most `max`) and divides by it, in place. Section 2.3 of
 * Saharia et al. 2022, "Imagen" (https://arxiv.org/abs/2205.11487). The latent is taken as one sample.
 */
export function thresholdSample(ratio: number, max: number): (denoised: Float32Array) => void {
  return (denoised) => {
    const sorted = denoised.map(Math.abs).sort();
    const place = ratio * (sorted.length - 1);
    const low = Math.floor(place);
    const high = Math.min(low + 1, sorted.length - 1);
    const quantile = sorted[low]! + (place - low) * (sorted[high]! - sorted[low]!);
    const s = Math.min(Math.max(quantile, 1), max);
    scale(clip(denoised, denoised, -s, s), 1 / s, denoised);
  };
}
