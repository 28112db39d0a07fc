import { z } from "zod";
import { depth, parseConfig, rows, size } from "../parse-config.ts";

/** Options of a T5 encoder's config.json that shape its graph; defaults are transformers'. T5's first version, without gates, is none of any family. */
const t5Schema = z.object({
  model_type: z
    .enum(["t5", "umt5"])
    .nullish()
    .transform((type) => type ?? "t5"),
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

/** What transformers has for UMT5 where a config is silent, and otherwise than for T5. */
const ofUmt5 = { vocab_size: 250_112, d_ff: 1024, num_layers: 8, num_heads: 6, feed_forward_proj: "gated-gelu" };

/** Checks the config.json of a text encoder of T5's or UMT5's. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function anyT5Config(config: unknown): T5Config {
  const stated = config as { model_type?: unknown };
  return parseConfig(t5Schema, stated.model_type === "umt5" ? { ...ofUmt5, ...stated } : config, "Text encoder");
}

const t5Alone = z.object({ model_type: z.literal("t5").nullish() });
const umt5Alone = z.object({ model_type: z.literal("umt5") });

/** The same of T5's, whose layers all have the first one's biases. @throws {@link ModelError} */
export function t5Config(config: unknown): T5Config {
  parseConfig(t5Alone, config, "Text encoder");
  return anyT5Config(config);
}

/** The same of UMT5's, whose layers have biases of their own. @throws {@link ModelError} */
export function umt5Config(config: unknown): T5Config {
  parseConfig(umt5Alone, config, "Text encoder");
  return anyT5Config(config);
}
