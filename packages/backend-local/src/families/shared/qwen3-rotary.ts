import type { Qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import type { RotaryOptions } from "./rotary-tables.ts";

/** How Qwen3 turns its heads: transformers works the frequencies out in single precision. */
export function qwen3Rotary({
  head_dim,
  rope_theta: theta,
}: Pick<Qwen3Config, "head_dim" | "rope_theta">): RotaryOptions {
  return { axes: [head_dim], theta, precision: "single" };
}

/**
 * How the text models of Qwen2.5-VL and Qwen3-VL turn theirs where they see pictures, by time, row and column: so many pairs each, one axis after the other,
 * or of three pairs in turn one until a row's or a column's are used up.
 */
export function pictureRotary(
  config: Parameters<typeof qwen3Rotary>[0] & { mrope_section: readonly number[] },
  dealt: "after each other" | "in turn",
): RotaryOptions {
  const [time = 0, row = 0, column = 0] = config.mrope_section;
  const axisOf = Array.from({ length: config.head_dim / 2 }, (_, i) => {
    if (dealt === "after each other") return i < time ? 0 : i < time + row ? 1 : 2;
    const axis = i % 3;
    return i < 3 * [0, row, column][axis]! ? axis : 0;
  });
  return { ...qwen3Rotary(config), axisOf };
}
