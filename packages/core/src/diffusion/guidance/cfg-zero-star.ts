import { scale as scaleBy } from "../blend.ts";
import { cfg } from "./cfg.ts";

/**
 * CFG-Zero*: guidance from the unconditional output scaled to fit the conditional one best, `s* = ⟨cond, uncond⟩ / ‖uncond‖²`: Fan et al.
 * 2025 (https://arxiv.org/abs/2503.18886). The paper's zero-init, a first step or two without any output, is the caller's. Written over `uncond`.
 */
export function cfgZeroStar(uncond: Float32Array, cond: Float32Array, scale: number): Float32Array {
  let [dot, squares] = [0, 1e-8];
  for (let i = 0, length = cond.length; i < length; i++) {
    dot += cond[i]! * uncond[i]!;
    squares += uncond[i]! ** 2;
  }
  return cfg(scaleBy(uncond, dot / squares, uncond), cond, scale);
}
