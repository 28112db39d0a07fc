import { z } from "zod";
import { depth, only, parseConfig, size } from "../parse-config.ts";

const lumina2Schema = z
  .object({
    sample_size: size.default(128),
    patch_size: z.literal(2).default(2),
    in_channels: size.default(16),
    out_channels: size.nullish(),
    hidden_size: size.default(2304),
    num_layers: depth.default(26),
    num_refiner_layers: depth.default(2),
    num_attention_heads: size.default(24),
    num_kv_heads: size.default(8),
    multiple_of: size.default(256),
    ffn_dim_multiplier: only(null),
    norm_eps: z.number().positive().default(1e-5),
    axes_dim_rope: z.tuple([size, size, size]).default([32, 32, 32]),
    axes_lens: z.tuple([size, size, size]).default([300, 512, 512]),
    cap_feat_dim: size.default(1024),
  })
  .superRefine((config, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    const { hidden_size: width, num_attention_heads: heads, axes_dim_rope: axes } = config;
    if (width % heads !== 0) issue("num_attention_heads", `must divide hidden_size ${width}`);
    if (heads % config.num_kv_heads !== 0) issue("num_kv_heads", "must divide num_attention_heads");
    if (axes.reduce((sum, each) => sum + each, 0) !== width / heads || axes.some((each) => each % 2 !== 0))
      issue("axes_dim_rope", `must be even sizes that add up to a head's ${width / heads}`);
    if ((config.out_channels ?? config.in_channels) !== config.in_channels)
      issue("out_channels", `must be as in_channels ${config.in_channels}`);
  });

/** A Lumina2Transformer2DModel's checked configuration. */
export type Lumina2Config = z.output<typeof lumina2Schema>;

/** Checks a transformer's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function lumina2Config(config: unknown): Lumina2Config {
  return parseConfig(lumina2Schema, config, "Lumina 2 transformer");
}
