import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, parseConfig, size } from "../parse-config.ts";

/** The options of a CLIPVisionModelWithProjection's config.json that shape its graph; defaults are transformers'. */
const schema = z
  .object({
    hidden_size: size.default(768),
    intermediate_size: size.default(3072),
    projection_dim: size.default(512),
    num_hidden_layers: depth.min(2).default(12),
    num_attention_heads: size.default(12),
    num_channels: z.literal(3).default(3),
    image_size: size.max(2048).default(224),
    patch_size: size.default(32),
    hidden_act: z.enum(activationNames).default("quick_gelu"),
    layer_norm_eps: z.number().positive().default(1e-5),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ["num_attention_heads"],
    message: "hidden_size must be a multiple of it",
  });

/** A CLIP image encoder's checked configuration. */
export type ClipVisionConfig = z.output<typeof schema>;

/** Checks an image encoder's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function clipVisionConfig(config: unknown): ClipVisionConfig {
  return parseConfig(schema, config, "Image encoder");
}
