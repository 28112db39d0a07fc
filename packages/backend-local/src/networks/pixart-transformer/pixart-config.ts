import { z } from "zod";
import { depth, only, parseConfig, size } from "../parse-config.ts";

const pixartSchema = z
  .object({
    num_attention_heads: size.default(16),
    attention_head_dim: size.default(72),
    in_channels: size.default(4),
    out_channels: size.nullish(),
    num_layers: depth.default(28),
    cross_attention_dim: size.default(1152),
    attention_bias: only(true),
    sample_size: size.multipleOf(2).max(1024).default(128),
    patch_size: z.literal(2).default(2),
    activation_fn: only("gelu-approximate"),
    norm_type: only("ada_norm_single"),
    norm_elementwise_affine: only(false),
    norm_eps: z.number().positive().default(1e-6),
    interpolation_scale: z.number().positive().nullish(),
    use_additional_conditions: z.boolean().nullish(),
    caption_channels: size,
    attention_type: only("default"),
  })
  .transform(({ interpolation_scale, use_additional_conditions, out_channels, ...config }) => ({
    ...config,
    out_channels: out_channels ?? config.in_channels,
    interpolation_scale: interpolation_scale ?? Math.max(Math.floor(config.sample_size / 64), 1),
    use_additional_conditions: use_additional_conditions ?? config.sample_size === 128,
  }))
  .refine((config) => !config.use_additional_conditions, {
    path: ["use_additional_conditions"],
    message: "PixArt-α's network, which is shown the picture's size, is not supported: must be false",
  })
  .refine((config) => config.cross_attention_dim === config.num_attention_heads * config.attention_head_dim, {
    path: ["cross_attention_dim"],
    message: "must be num_attention_heads times attention_head_dim",
  });

/** A PixArtTransformer2DModel's checked configuration. */
export type PixArtConfig = z.output<typeof pixartSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function pixartConfig(config: unknown): PixArtConfig {
  return parseConfig(pixartSchema, config, "PixArt transformer");
}
