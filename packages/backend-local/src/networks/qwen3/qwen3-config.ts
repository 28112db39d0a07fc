import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, only, parseConfig, rows, size } from "../parse-config.ts";

/** Rotary positions as transformers 5 writes them; older configs have `rope_theta` and `rope_scaling` beside the rest. */
const ropeParameters = z.object({ rope_theta: z.number().positive().optional(), rope_type: only("default") });

/** What Qwen3 and the text model of Qwen3-VL say of themselves alike. */
export const qwen3Sizes = z.object({
  vocab_size: rows.default(151_936),
  hidden_size: size.default(4096),
  intermediate_size: size.default(22_016),
  num_hidden_layers: depth.default(32),
  num_attention_heads: size.default(32),
  num_key_value_heads: size.nullish(),
  head_dim: size.multipleOf(2).default(128),
  hidden_act: z.enum(activationNames).default("silu"),
  max_position_embeddings: z.int().positive().default(32_768),
  rms_norm_eps: z.number().positive().default(1e-6),
  attention_bias: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
});

/** Keys and values for each of as many queries. */
export const keysForQueries = {
  holds: (config: { num_attention_heads: number; num_key_value_heads: number }) =>
    config.num_attention_heads % config.num_key_value_heads === 0,
  otherwise: { path: ["num_key_value_heads"], message: "must divide num_attention_heads" },
};

const qwen3Schema = qwen3Sizes
  .extend({
    model_type: only("qwen3"),
    rope_scaling: only(null),
    rope_parameters: ropeParameters.nullish(),
    use_sliding_window: only(false),
    layer_types: z.array(z.literal("full_attention")).nullish(),
  })
  .transform(({ rope_theta, rope_parameters, num_key_value_heads, ...config }) => ({
    ...config,
    num_key_value_heads: num_key_value_heads ?? config.num_attention_heads,
    rope_theta: rope_parameters?.rope_theta ?? rope_theta ?? 10_000,
  }))
  .refine(keysForQueries.holds, keysForQueries.otherwise);

/** A Qwen3 model's checked configuration. */
export type Qwen3Config = z.output<typeof qwen3Schema>;

/** Checks a text encoder's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwen3Config(config: unknown): Qwen3Config {
  return parseConfig(qwen3Schema, config, "Text encoder");
}
