import { blend, blend2 } from "../blend.ts";
import { alphaOf, type Space } from "../space.ts";

/** `out ←` x taken from σ to σ' with x0 held constant: (σ'/σ)·x + (α' − α·σ'/σ)·x0, exact in every space. */
export function exponentialStep(
  out: Float32Array,
  space: Space,
  x: Float32Array,
  denoised: Float32Array,
  sigma: number,
  sigmaNext: number,
): Float32Array {
  const ratio = sigmaNext / sigma;
  const pull = alphaOf(space, sigmaNext) - alphaOf(space, sigma) * ratio;
  return ratio === 0 ? blend(out, [pull], [denoised]) : blend2(out, ratio, x, pull, denoised);
}

/**
 * Where a flow schedule starts at σ = 1, λ is −∞; the samplers that step in λ start a hair below, as in ComfyUI. Other levels stay.
 */
export function awayFromPureNoise(sigmas: Float64Array, space: Space): Float64Array {
  if (space !== "flow" || sigmas[0]! < 1) return sigmas;
  const moved = sigmas.slice();
  moved[0] = Math.max(1 - 1e-4, sigmas[1]!);
  return moved;
}
