import { z } from "zod";
import { depth, parseConfig, size } from "../parse-config.ts";

const krea2Schema = z
  .object({
    in_channels: size.multipleOf(4).default(64),
    num_layers: depth.default(28),
    attention_head_dim: size.default(128),
    num_attention_heads: size.default(48),
    num_key_value_heads: size.default(12),
    intermediate_size: size.default(16_384),
    timestep_embed_dim: size.multipleOf(2).default(256),
    text_hidden_dim: size.default(2560),
    num_text_layers: depth.default(12),
    text_num_attention_heads: size.default(20),
    text_num_key_value_heads: size.default(20),
    text_intermediate_size: size.default(6912),
    num_layerwise_text_blocks: z.int().nonnegative().max(64).default(2),
    num_refiner_text_blocks: z.int().nonnegative().max(64).default(2),
    axes_dims_rope: z.array(size.multipleOf(2)).length(3).default([32, 48, 48]),
    rope_theta: z.number().positive().default(1000),
    norm_eps: z.number().positive().default(1e-5),
  })
  .superRefine((config, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    if (config.axes_dims_rope.reduce((sum, each) => sum + each, 0) !== config.attention_head_dim)
      issue("axes_dims_rope", "must add up to attention_head_dim");
    if (config.num_attention_heads % config.num_key_value_heads !== 0)
      issue("num_key_value_heads", "must divide num_attention_heads");
    if (config.text_hidden_dim % config.text_num_attention_heads !== 0)
      issue("text_num_attention_heads", `must divide text_hidden_dim ${config.text_hidden_dim}`);
    if (config.text_num_attention_heads % config.text_num_key_value_heads !== 0)
      issue("text_num_key_value_heads", "must divide text_num_attention_heads");
  });

/** A Krea2Transformer2DModel's checked configuration. */
export type Krea2Config = z.output<typeof krea2Schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function krea2Config(config: unknown): Krea2Config {
  return parseConfig(krea2Schema, config, "Krea 2 transformer");
}
