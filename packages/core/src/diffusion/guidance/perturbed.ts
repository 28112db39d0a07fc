import { shift } from "../blend.ts";

/**
 * The scale at a timestep of a perturbed guidance that is adaptive, `scale − adaptive·(1000 − timestep)` and never below 0, as diffusers
 * has it. Without a timestep that of the first, the scale itself.
 */
export function perturbedScale(scale: number, adaptive: number, timestep = 1000): number {
  return adaptive > 0 && scale > 0 ? Math.max(0, scale - adaptive * (1000 - timestep)) : scale;
}

/**
 * Adds perturbed-attention guidance, `guided + scale·(cond − perturbed)`, where `perturbed` is the conditional output of a network whose
 * self-attention (or layers, for skip-layer guidance) was replaced by the identity: Ahn et al. 2024 (https://arxiv.org/abs/2403.17377).
 * Written over `guided`.
 */
export function addPerturbedGuidance(
  guided: Float32Array,
  cond: Float32Array,
  perturbed: Float32Array,
  scale: number,
): Float32Array {
  return shift(guided, guided, scale, cond, perturbed);
}
