import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

/** Sizes of networks of Stable Diffusion 3's shape. */
export const sd3Sizes = z.object({
  sample_size: size.default(128),
  patch_size: z.literal(2).default(2),
  in_channels: size.default(16),
  out_channels: size.nullish(),
  num_layers: depth.default(18),
  attention_head_dim: size.default(64),
  num_attention_heads: size.default(18),
  joint_attention_dim: size.default(4096),
  caption_projection_dim: size.default(1152),
  pooled_projection_dim: size.default(2048),
  pos_embed_max_size: z.int().positive().max(1024).default(96),
  dual_attention_layers: z.array(z.int().nonnegative()).default([]),
  qk_norm: z.literal("rms_norm").nullish(),
});

/** Text and picture have one width. */
export const sd3Width = {
  holds: (
    config: Pick<z.output<typeof sd3Sizes>, "caption_projection_dim" | "attention_head_dim" | "num_attention_heads">,
  ) => config.caption_projection_dim === config.attention_head_dim * config.num_attention_heads,
  otherwise: { path: ["caption_projection_dim"], message: "must be attention_head_dim times num_attention_heads" },
};

const sd3Schema = sd3Sizes.refine(sd3Width.holds, sd3Width.otherwise);

/** An SD3Transformer2DModel's checked configuration. */
export type SD3Config = z.output<typeof sd3Schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function sd3Config(config: unknown): SD3Config {
  return parseConfig(sd3Schema, config, "Stable Diffusion 3 transformer");
}
