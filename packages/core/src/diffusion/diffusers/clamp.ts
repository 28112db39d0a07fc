import { clipSample, thresholdSample } from "../clamp.ts";
import type { ConfigReader } from "./config-reader.ts";

/** Reads `thresholding` and, where the scheduler has it, `clip_sample`; undefined where both are off. */
export function readClamp(config: ConfigReader, clipDefault?: boolean): ((denoised: Float32Array) => void) | undefined {
  if (config.boolean("thresholding", false))
    return thresholdSample(
      config.number("dynamic_thresholding_ratio", 0.995, 0, 1),
      config.number("sample_max_value", 1, 1e-6, 1e9),
    );
  if (clipDefault === undefined || !config.boolean("clip_sample", clipDefault)) return undefined;
  return clipSample(config.number("clip_sample_range", 1, 1e-6, 1e9));
}
