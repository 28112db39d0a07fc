import { z } from "zod";
import { depth, only, parseConfig, size } from "../parse-config.ts";

const sanaSchema = z
  .object({
    in_channels: size.default(32),
    out_channels: size.nullish().default(32),
    num_attention_heads: size.default(70),
    attention_head_dim: size.default(32),
    num_layers: depth.default(20),
    num_cross_attention_heads: size.default(20),
    cross_attention_head_dim: size.default(112),
    cross_attention_dim: size.default(2240),
    caption_channels: size.default(2304),
    mlp_ratio: z.number().positive().max(64).default(2.5),
    attention_bias: z.boolean().default(false),
    sample_size: size.max(1024).default(32),
    patch_size: z.literal(1).default(1),
    norm_elementwise_affine: only(false),
    norm_eps: z.number().positive().default(1e-6),
    interpolation_scale: z.number().positive().nullish(),
    // Sprint's, which is told its guidance.
    guidance_embeds: only(false),
    qk_norm: z.literal("rms_norm_across_heads").nullish(),
    timestep_scale: z.number().positive().default(1),
  })
  .transform((config) => ({
    ...config,
    out_channels: config.out_channels ?? config.in_channels,
    width: config.num_attention_heads * config.attention_head_dim,
  }))
  .refine((config) => config.cross_attention_dim === config.width, {
    path: ["cross_attention_dim"],
    message: "must be num_attention_heads times attention_head_dim",
  });

/** A SanaTransformer2DModel's checked configuration. */
export type SanaConfig = z.output<typeof sanaSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function sanaConfig(config: unknown): SanaConfig {
  return parseConfig(sanaSchema, config, "Sana transformer");
}
