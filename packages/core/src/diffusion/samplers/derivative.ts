import { blend, blend2 } from "../blend.ts";
import { alphaOf, type Space } from "../space.ts";

/**
 * The direction the ODE solvers integrate: dx/dσ = (x − x0)/σ in the ve and flow spaces, and ε = (x − α·x0)/σ in vp, where
 * {@link odeStep} does the rest.
 */
export function derivative(
  out: Float32Array,
  space: Space,
  x: Float32Array,
  denoised: Float32Array,
  sigma: number,
): Float32Array {
  const alpha = space === "vp" ? alphaOf(space, sigma) : 1;
  return blend2(out, 1 / sigma, x, -alpha / sigma, denoised);
}

/** The weights of x and of {@link derivative}'s direction in {@link odeStep}. */
export function odeWeights(space: Space, sigma: number, sigmaNext: number): { keep: number; reach: number } {
  if (space !== "vp") return { keep: 1, reach: sigmaNext - sigma };
  const alpha = alphaOf(space, sigma);
  // Pure noise has no signal part to carry over.
  if (alpha === 0) return { keep: 0, reach: sigmaNext };
  const keep = alphaOf(space, sigmaNext) / alpha;
  return { keep, reach: sigmaNext - keep * sigma };
}

/** `out ←` x moved from σ to σ' along the direction d of {@link derivative}: x + (σ' − σ)·d, or its vp form (DDIM's). */
export function odeStep(
  out: Float32Array,
  space: Space,
  x: Float32Array,
  d: Float32Array,
  sigma: number,
  sigmaNext: number,
): Float32Array {
  const { keep, reach } = odeWeights(space, sigma, sigmaNext);
  return blend(out, [keep, reach], [x, d]);
}

/** The Adams–Bashforth weights of order 1 to 4, newest first. */
export const adamsBashforth: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];
