import { z } from "zod";
import { depth, only, parseConfig, rows, size } from "../parse-config.ts";

/** Options of a T5 encoder's config.json that shape its graph; defaults are transformers'. T5's first version, without gates, is none of any family. */
const t5Schema = z.object({
  model_type: only("t5"),
  vocab_size: rows.default(32_128),
  d_model: size.default(512),
  d_kv: size.default(64),
  d_ff: size.default(2048),
  num_layers: depth.default(6),
  num_heads: size.default(8),
  relative_attention_num_buckets: size.multipleOf(4).default(32),
  relative_attention_max_distance: size.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.literal("gated-gelu"),
});

/** A T5 encoder's checked configuration. */
export type T5Config = z.output<typeof t5Schema>;

/** Checks a text encoder's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function t5Config(config: unknown): T5Config {
  return parseConfig(t5Schema, config, "Text encoder");
}
