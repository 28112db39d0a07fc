import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, only, parseConfig, rows, size } from "../parse-config.ts";

/** Positions over three axes (time, row, column): for texts alone all are the place in the text. */
const rope = z.object({
  rope_theta: z.number().positive().optional(),
  rope_type: z.enum(["default", "mrope"]).nullish(),
  type: z.enum(["default", "mrope"]).nullish(),
  mrope_section: z.array(z.int().nonnegative().max(65_536)).length(3).nullish(),
});

const textSchema = z
  .object({
    vocab_size: rows.default(152_064),
    hidden_size: size.default(8192),
    intermediate_size: size.default(29_568),
    num_hidden_layers: depth.default(80),
    num_attention_heads: size.default(64),
    num_key_value_heads: size.nullish(),
    hidden_act: z.enum(activationNames).default("silu"),
    max_position_embeddings: z.int().positive().default(32_768),
    rms_norm_eps: z.number().positive().default(1e-5),
    rope_theta: z.number().positive().optional(),
    rope_scaling: rope.nullish(),
    rope_parameters: rope.nullish(),
    use_sliding_window: only(false),
    layer_types: z.array(z.literal("full_attention")).nullish(),
  })
  .transform(({ rope_theta, rope_parameters, num_key_value_heads, ...config }) => ({
    ...config,
    num_key_value_heads: num_key_value_heads ?? config.num_attention_heads,
    head_dim: config.hidden_size / config.num_attention_heads,
    rope_theta: rope_parameters?.rope_theta ?? rope_theta ?? 1_000_000,
    /** How many of a head's pairs turn by time, row and column, one after the other. */
    mrope_section: rope_parameters?.mrope_section ?? config.rope_scaling?.mrope_section ?? [16, 24, 24],
  }))
  .refine((config) => config.num_attention_heads % config.num_key_value_heads === 0, {
    path: ["num_key_value_heads"],
    message: "must divide num_attention_heads",
  })
  .refine((config) => config.head_dim % 2 === 0, {
    path: ["num_attention_heads"],
    message: "must divide hidden_size into even heads",
  });

/** The checked configuration of Qwen2.5-VL's text model. */
export type Qwen25VLConfig = z.output<typeof textSchema>;

/** Checks a text encoder's config.json, whose text model has a part of its own in newer ones. @throws {@link ModelError} naming the option. */
export function qwen25VLConfig(config: unknown): Qwen25VLConfig {
  const { text_config: text } = (config ?? {}) as { text_config?: unknown };
  return parseConfig(textSchema, text ?? config, "Text encoder");
}
