import { z } from "zod";
import { wholeHeads } from "../flux-transformer/flux-config.ts";
import { depth, only, parseConfig, size } from "../parse-config.ts";

/** Sizes of networks of Qwen-Image's shape. */
export const qwenImageSizes = z.object({
  patch_size: z.literal(2).default(2),
  in_channels: size.default(64),
  out_channels: size.nullish().transform((value) => value ?? 16),
  num_layers: depth.default(60),
  attention_head_dim: size.default(128),
  num_attention_heads: size.default(24),
  joint_attention_dim: size.default(3584),
  axes_dims_rope: z.array(size.multipleOf(2)).length(3).default([16, 56, 56]),
});

const qwenImageSchema = qwenImageSizes
  .extend({
    guidance_embeds: only(false),
    /** Whether reference pictures are seen as at time 0: in the editors of 2511 and later. */
    zero_cond_t: z.boolean().default(false),
    // Qwen-Image-Layered's.
    use_additional_t_cond: only(false),
    use_layer3d_rope: only(false),
  })
  .refine(wholeHeads.holds, wholeHeads.otherwise);

/** A QwenImageTransformer2DModel's checked configuration. */
export type QwenImageConfig = z.output<typeof qwenImageSchema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwenImageConfig(config: unknown): QwenImageConfig {
  return parseConfig(qwenImageSchema, config, "Qwen-Image transformer");
}
