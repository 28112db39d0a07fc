import { linspace } from "./spacing.ts";

/** Levels evenly spaced in log σ, from σ_max to σ_min. Returns `n` levels, without a final 0. */
export function exponentialSigmas(n: number, sigmaMin: number, sigmaMax: number): Float64Array {
  return linspace(Math.log(sigmaMax), Math.log(sigmaMin), n).map(Math.exp);
}
