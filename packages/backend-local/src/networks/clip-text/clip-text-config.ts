import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, parseConfig, rows, size } from "../parse-config.ts";

/** The options of a CLIP text encoder's config.json that shape its graph; defaults are transformers'. */
const clipTextSchema = z
  .object({
    // Other names than this one say nothing: the class is whoever loads the file's to choose.
    architectures: z
      .unknown()
      .transform((names) => (isProjected(names) ? "CLIPTextModelWithProjection" : "CLIPTextModel")),
    vocab_size: rows.default(49408),
    hidden_size: size.default(512),
    intermediate_size: size.default(2048),
    // 0 in encoders that have none.
    projection_dim: size
      .or(z.literal(0))
      .nullish()
      .transform((value) => value ?? 512),
    // Of a file without a projection, not among transformers' own options: what is pooled counts as projected.
    unprojected: z.boolean().default(false),
    num_hidden_layers: depth.default(12),
    num_attention_heads: size.default(8),
    // A begin and an end token, and one between them.
    max_position_embeddings: size.min(3).default(77),
    hidden_act: z.enum(activationNames).default("quick_gelu"),
    layer_norm_eps: z.number().positive().default(1e-5),
    eos_token_id: z.int().nonnegative().default(49407),
    use_attention_mask: z.literal(false).optional(),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ["num_attention_heads"],
    message: "hidden_size must be a multiple of it",
  });

function isProjected(names: unknown): boolean {
  return Array.isArray(names) && names.includes("CLIPTextModelWithProjection");
}

/** A CLIP text encoder's checked configuration. */
export type ClipTextConfig = z.output<typeof clipTextSchema>;

/** Checks a text encoder's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function clipTextConfig(config: unknown): ClipTextConfig {
  return parseConfig(clipTextSchema, config, "Text encoder");
}
