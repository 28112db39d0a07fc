import { z } from "zod";
import { depth, only, parseConfig, size } from "../parse-config.ts";

const schema = z
  .object({
    patch_size: z.literal(1).default(1),
    in_channels: size.default(64),
    out_channels: size.nullish(),
    num_layers: depth.default(32),
    attention_head_dim: size.multipleOf(2).default(128),
    num_attention_heads: size.default(32),
    context_in_dim: size.default(4096),
    mlp_ratio: size.max(64).default(3),
    axes_dims_rope: z.array(size.multipleOf(2)).length(3).default([16, 56, 56]),
    eps: z.number().positive().default(1e-6),
    causal_condition: only(true),
  })
  .refine((config) => config.axes_dims_rope.reduce((sum, each) => sum + each, 0) === config.attention_head_dim, {
    path: ["axes_dims_rope"],
    message: "must add up to attention_head_dim",
  })
  .refine((config) => (config.out_channels ?? config.in_channels) === config.in_channels, {
    path: ["out_channels"],
    message: "must be in_channels",
  });

/** A QwenImage21Transformer2DModel's checked configuration. */
export type QwenImage21Config = z.output<typeof schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwenImage21Config(config: unknown): QwenImage21Config {
  return parseConfig(schema, config, "Qwen-Image 2.1 transformer");
}
