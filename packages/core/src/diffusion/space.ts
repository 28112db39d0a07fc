/**
 * The coordinates a latent is stepped in. A state is always `x = α·x0 + σ·ε`:
 * - `ve` (k-diffusion, EDM): α = 1, so σ runs from about 14.6 (or 80, 700) down to 0;
 * - `vp` (DDPM and its family): α² + σ² = 1;
 * - `flow` (rectified flow, SD3, Flux): α = 1 − σ.
 *
 * Carrying α and σ apart, rather than only their ratio, is what lets a schedule with zero terminal SNR (α = 0) be stepped.
 */
export type Space = "ve" | "vp" | "flow";

/** The signal's coefficient α that goes with the noise level σ in `space`. */
export function alphaOf(space: Space, sigma: number): number {
  if (space === "ve") return 1;
  return space === "vp" ? Math.sqrt(Math.max(0, (1 - sigma) * (1 + sigma))) : 1 - sigma;
}

/** λ = log(α / σ), half the log of the signal-to-noise ratio; +∞ at σ = 0. */
export function lambdaOf(space: Space, sigma: number): number {
  return Math.log(alphaOf(space, sigma)) - Math.log(sigma);
}

/** The k-diffusion noise level σ/α, the same in every space; +∞ where α = 0. */
export function ratioOf(space: Space, sigma: number): number {
  return sigma / alphaOf(space, sigma);
}

/** The noise level in `space` of a k-diffusion noise level (σ/α). */
export function fromRatio(space: Space, ratio: number): number {
  if (space === "ve") return ratio;
  if (ratio === Number.POSITIVE_INFINITY) return 1;
  return space === "vp" ? ratio / Math.sqrt(1 + ratio * ratio) : ratio / (1 + ratio);
}
