import type { DynamicShiftOptions } from "../flow-schedule.ts";
import { invalid } from "../invalid.ts";
import type { ConfigReader } from "./config-reader.ts";

/**
 * Reads `use_dynamic_shifting` and what diffusers' pipelines then work the shift out with: `base_shift`, `max_shift`,
 * `base_image_seq_len`, `max_image_seq_len`. Undefined where it is off.
 */
export function readDynamicShift(config: ConfigReader): DynamicShiftOptions | undefined {
  if (!config.boolean("use_dynamic_shifting", false)) return undefined;
  const baseTokens = config.integer("base_image_seq_len", 256, 1, 1e9);
  const maxTokens = config.integer("max_image_seq_len", 4096, 1, 1e9);
  if (maxTokens <= baseTokens)
    invalid("max_image_seq_len", `must be above base_image_seq_len (${baseTokens}), not ${maxTokens}`);
  const baseShift = config.number("base_shift", 0.5, -20, 20);
  return { baseTokens, maxTokens, baseShift, maxShift: config.number("max_shift", 1.15, -20, 20) };
}
