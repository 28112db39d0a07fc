import { clipColours } from "../../adapters/ip-adapter/clip-pixels.ts";
import { qwen25VLVisionConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-vision.ts";
import { windowsOf } from "./picture-patches.ts";
import type { Sight } from "./seen-pictures.ts";

/** How Qwen2.5-VL sees pictures, by a text encoder's config. */
export function qwen25VLSight(network: string, config: unknown): Sight {
  const spec = qwen25VLVisionConfig(config);
  const { patch_size: patch, spatial_merge_size: merge, temporal_patch_size: moments } = spec;
  const side = Math.floor(spec.window_size / merge / patch);
  return {
    ...{ network, patch, merge, moments, headSize: spec.hidden_size / spec.num_heads, ...clipColours, deep: 0 },
    beside(rows, columns, { runtime: { Tensor } }) {
      const { size, places, mask, back } = windowsOf(rows / merge, columns / merge, side, merge ** 2);
      const count = places.length / size;
      return {
        window_places: new Tensor("int32", places, [count, size]),
        window_mask: new Tensor("bool", mask, [count, 1, size, size]),
        window_back: new Tensor("int32", back, [1, back.length]),
      };
    },
  };
}
