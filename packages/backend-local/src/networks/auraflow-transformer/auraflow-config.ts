import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

const auraflowSchema = z
  .object({
    patch_size: z.literal(2).default(2),
    in_channels: size.default(4),
    out_channels: size.nullish().default(4),
    num_mmdit_layers: depth.default(4),
    num_single_dit_layers: depth.default(32),
    attention_head_dim: size.default(256),
    num_attention_heads: size.default(12),
    joint_attention_dim: size.default(2048),
    caption_projection_dim: size.default(3072),
    pos_embed_max_size: z
      .int()
      .positive()
      .max(1024 ** 2)
      .default(1024),
  })
  .refine((config) => config.caption_projection_dim === config.attention_head_dim * config.num_attention_heads, {
    path: ["caption_projection_dim"],
    message: "must be attention_head_dim times num_attention_heads",
  })
  .refine((config) => Number.isInteger(Math.sqrt(config.pos_embed_max_size)), {
    path: ["pos_embed_max_size"],
    message: "must be a square: the places of the largest picture",
  })
  .transform((config) => ({ ...config, out_channels: config.out_channels ?? config.in_channels }));

/** An AuraFlowTransformer2DModel's checked configuration. */
export type AuraFlowConfig = z.output<typeof auraflowSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function auraflowConfig(config: unknown): AuraFlowConfig {
  return parseConfig(auraflowSchema, config, "AuraFlow transformer");
}
