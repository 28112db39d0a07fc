import type { Qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import type { RotaryOptions } from "./rotary-tables.ts";

/** How Qwen3 turns its heads: transformers works the frequencies out in single precision. */
export function qwen3Rotary({
  head_dim,
  rope_theta: theta,
}: Pick<Qwen3Config, "head_dim" | "rope_theta">): RotaryOptions {
  return { axes: [head_dim], theta, precision: "single" };
}
