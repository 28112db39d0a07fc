import { blend2, blend3 } from "../blend.ts";

/** How adaptive projected guidance works. */
export interface ApgOptions {
  /** η: how much of the part along the conditional output stays; 0 takes it all away, 1 (the default) leaves it. */
  eta?: number;
  /** r: the greatest norm of the difference; 15 unless given, 0 for no limit. */
  normThreshold?: number;
  /** β: how much of the last steps' differences comes along, below 0 to push away from them; 0 unless given. */
  momentum?: number;
}

/**
 * Adaptive projected guidance, against the oversaturation of high scales: Sadat et al. 2024 (https://arxiv.org/abs/2410.02416), as diffusers
 * has it. Returns a function that keeps the momentum of one image's steps; it writes over `uncond`.
 */
export function adaptiveProjectedGuidance({ eta = 1, normThreshold = 15, momentum = 0 }: ApgOptions = {}) {
  let average: Float32Array | undefined;
  return (uncond: Float32Array, cond: Float32Array, scale: number): Float32Array => {
    const difference = blend2(new Float32Array(cond.length), 1, cond, -1, uncond);
    if (momentum !== 0) {
      if (average) blend2(difference, 1, difference, momentum, average);
      average = difference.slice();
    }
    const limit = normThreshold > 0 ? Math.min(1, normThreshold / norm(difference)) : 1;
    const reach = norm(cond);
    let along = 0;
    if (reach > 0)
      for (let i = 0, length = cond.length; i < length; i++) along += (limit * difference[i]! * cond[i]!) / reach;
    const shift = reach > 0 ? ((eta - 1) * along) / reach : 0;
    return blend3(uncond, 1, uncond, scale * limit, difference, scale * shift, cond);
  };
}

function norm(values: Float32Array): number {
  let squares = 0;
  for (let i = 0, length = values.length; i < length; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares);
}
