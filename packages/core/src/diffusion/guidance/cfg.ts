import { shift } from "../blend.ts";

/**
 * Classifier-free guidance, `uncond + scale·(cond − uncond)`: Ho & Salimans 2022 (https://arxiv.org/abs/2207.12598). With a negative
 * prompt, `uncond` is the network's output for it. Written into `out`, by default over `uncond`.
 */
export function cfg(uncond: Float32Array, cond: Float32Array, scale: number, out: Float32Array = uncond): Float32Array {
  return shift(out, uncond, scale, cond, uncond);
}
