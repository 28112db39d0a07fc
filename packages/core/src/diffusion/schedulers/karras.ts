import { linspace } from "./spacing.ts";

/**
 * Levels evenly spaced in σ^(1/ρ), from σ_max to σ_min: equation 5 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364).
 * Returns `n` levels, without a final 0.
 */
export function karrasSigmas(n: number, sigmaMin: number, sigmaMax: number, rho = 7): Float64Array {
  const [from, to] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  return linspace(0, 1, n).map((ramp) => (from + ramp * (to - from)) ** rho);
}
