import { qwen3VLVisionConfig } from "../../networks/qwen3-vl/qwen3-vl-vision.ts";
import { cornersOf } from "./picture-patches.ts";
import type { Sight } from "./seen-pictures.ts";

const half = [0.5, 0.5, 0.5];

/** How Qwen3-VL sees pictures, by a text encoder's config. */
export function qwen3VLSight(network: string, config: unknown): Sight {
  const spec = qwen3VLVisionConfig(config);
  const { patch_size: patch, spatial_merge_size: merge, temporal_patch_size: moments } = spec;
  const side = Math.sqrt(spec.num_position_embeddings);
  const deep = spec.deepstack_visual_indexes.length;
  return {
    ...{
      network,
      patch,
      merge,
      moments,
      headSize: spec.hidden_size / spec.num_heads,
      mean: half,
      deviation: half,
      deep,
    },
    beside(rows, columns, { runtime: { Tensor } }) {
      const { corners, nearness } = cornersOf(rows, columns, merge, side);
      return {
        corners: new Tensor("int32", corners, [1, rows * columns, 4]),
        nearness: new Tensor("float32", nearness, [1, rows * columns, 4, 1]),
      };
    },
  };
}
