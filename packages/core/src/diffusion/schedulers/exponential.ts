import { linspace } from "./spacing.ts";

/** k-diffusion's `polyexponential`: log σ falls as a power ρ of the way left; `n` levels, without a final 0. */
export function polyexponentialSigmas(n: number, sigmaMin: number, sigmaMax: number, rho = 1): Float64Array {
  const span = Math.log(sigmaMax) - Math.log(sigmaMin);
  return linspace(1, 0, n).map((ramp) => Math.exp(ramp ** rho * span + Math.log(sigmaMin)));
}

/** Levels evenly spaced in log σ, from σ_max to σ_min. Returns `n` levels, without a final 0. */
export function exponentialSigmas(n: number, sigmaMin: number, sigmaMax: number): Float64Array {
  return linspace(Math.log(sigmaMax), Math.log(sigmaMin), n).map(Math.exp);
}
