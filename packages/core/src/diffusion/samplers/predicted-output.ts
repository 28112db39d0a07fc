import { blend } from "../blend.ts";
import { alphaOf, type Space } from "../space.ts";

/**
 * What a solver in terms of the data or of the noise keeps of a model call: x0 itself, or `ε = (x − α·x0) / σ`, in an array that
 * `place` gives.
 */
export function predictedOutput(
  predict: "data" | "noise",
  space: Space,
  sigma: number,
  x: Float32Array,
  denoised: Float32Array,
  place: () => Float32Array,
): Float32Array {
  if (predict === "data") return denoised;
  return blend(place(), [1 / sigma, -alphaOf(space, sigma) / sigma], [x, denoised]);
}
