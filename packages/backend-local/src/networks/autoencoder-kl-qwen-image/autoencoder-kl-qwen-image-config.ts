import { z } from "zod";
import { layers, maxBlocks, parseConfig, size } from "../parse-config.ts";

const schema = z
  .object({
    base_dim: size.default(96),
    z_dim: size.default(16),
    dim_mult: z.array(size.max(64)).min(2).max(maxBlocks).default([1, 2, 4, 4]),
    num_res_blocks: layers.default(2),
    attn_scales: z.array(z.number()).length(0).default([]),
    input_channels: size.default(3),
    latents_mean: z.array(z.number()),
    latents_std: z.array(z.number().positive()),
  })
  .superRefine(({ z_dim, latents_mean, latents_std }, context) => {
    for (const [option, values] of Object.entries({ latents_mean, latents_std }))
      if (values.length !== z_dim)
        context.addIssue({ code: "custom", path: [option], message: `must have ${z_dim} numbers, one a channel` });
  });

/** An AutoencoderKLQwenImage's checked configuration. */
export type QwenVaeConfig = z.output<typeof schema>;

/** Checks a VAE's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwenVaeConfig(config: unknown): QwenVaeConfig {
  return parseConfig(schema, config, "VAE");
}
