import { z } from "zod";
import { only, parseConfig } from "../parse-config.ts";
import { keysForQueries, qwen3Sizes } from "../qwen3/qwen3-config.ts";

/** Positions over three axes (time, row, column), whose angles lie interleaved in a head: for texts alone all are the place in the text. */
const rope = z.object({
  rope_theta: z.number().positive().optional(),
  rope_type: z.enum(["default", "mrope"]).nullish(),
  type: z.enum(["default", "mrope"]).nullish(),
  mrope_interleaved: only(true),
  mrope_section: z.array(z.int().nonnegative().max(65_536)).length(3).nullish(),
});

const textSchema = qwen3Sizes
  .extend({
    model_type: only("qwen3_vl_text"),
    rope_scaling: rope.nullish(),
    rope_parameters: rope.nullish(),
  })
  .transform(({ rope_theta, rope_parameters, rope_scaling, num_key_value_heads, ...config }) => ({
    ...config,
    num_key_value_heads: num_key_value_heads ?? config.num_attention_heads,
    rope_theta: rope_parameters?.rope_theta ?? rope_theta ?? 500_000,
    /** How many of a head's pairs turn by time, row and column: of each three in turn one, until those of a row or column are used up. */
    mrope_section: rope_parameters?.mrope_section ?? rope_scaling?.mrope_section ?? [24, 20, 20],
  }))
  .refine(keysForQueries.holds, keysForQueries.otherwise);

/** The checked configuration of Qwen3-VL's text model. */
export type Qwen3VLConfig = z.output<typeof textSchema>;

/** Checks a text encoder's config.json, whose text model has a part of its own. @throws {@link ModelError} naming the option. */
export function qwen3VLConfig(config: unknown): Qwen3VLConfig {
  const { text_config: text } = (config ?? {}) as { text_config?: unknown };
  return parseConfig(textSchema, text ?? config, "Text encoder");
}
