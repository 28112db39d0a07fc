import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, only, parseConfig, rows, size } from "../parse-config.ts";
import { keysForQueries } from "../qwen3/qwen3-config.ts";

const rope = z.object({ rope_theta: z.number().positive().optional(), rope_type: only("default") });

const gemma2Schema = z
  .object({
    model_type: only("gemma2"),
    vocab_size: rows.default(256_000),
    hidden_size: size.default(2304),
    intermediate_size: size.default(9216),
    num_hidden_layers: depth.default(26),
    num_attention_heads: size.default(8),
    num_key_value_heads: size.default(4),
    head_dim: size.multipleOf(2).default(256),
    hidden_activation: z.enum(activationNames).default("gelu_pytorch_tanh"),
    rms_norm_eps: z.number().positive().default(1e-6),
    attention_bias: z.boolean().default(false),
    query_pre_attn_scalar: z.number().positive().default(256),
    attn_logit_softcapping: z.number().positive().nullish(),
    // What is further away than this a layer in two doesn't see.
    sliding_window: z.int().positive().nullish(),
    use_bidirectional_attention: only(false),
    rope_theta: z.number().positive().optional(),
    rope_parameters: rope.nullish(),
    rope_scaling: only(null),
  })
  .transform(({ rope_theta, rope_parameters, hidden_activation, attn_logit_softcapping, ...config }) => ({
    ...config,
    hidden_act: hidden_activation,
    rope_theta: rope_parameters?.rope_theta ?? rope_theta ?? 10_000,
    attn_logit_softcapping: attn_logit_softcapping === undefined ? 50 : (attn_logit_softcapping ?? undefined),
    sliding_window: config.sliding_window ?? 4096,
  }))
  .refine(keysForQueries.holds, keysForQueries.otherwise);

/** A Gemma 2 model's checked configuration. */
export type Gemma2Config = z.output<typeof gemma2Schema>;

/** Checks a text encoder's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function gemma2Config(config: unknown): Gemma2Config {
  return parseConfig(gemma2Schema, config, "Text encoder");
}
