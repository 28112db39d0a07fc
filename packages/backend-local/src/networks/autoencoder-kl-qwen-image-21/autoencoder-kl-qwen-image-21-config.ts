import { z } from "zod";
import { layers, maxBlocks, only, parseConfig, size } from "../parse-config.ts";

const schema = z
  .object({
    base_dim: size.default(96),
    decoder_base_dim: size.nullish().default(144),
    z_dim: size.default(64),
    dim_mult: z.array(size.max(64)).min(2).max(maxBlocks).default([1, 2, 4, 8, 8]),
    num_res_blocks: layers.default(2),
    attn_scales: z.array(z.number()).length(0).default([]),
    temperal_downsample: z.array(z.boolean()).default([false, true, true, true]),
    in_channels: size.default(4),
    out_channels: size.default(4),
    is_residual: only(true),
    patch_size: only(null),
    latents_mean: z.array(z.number()),
    latents_std: z.array(z.number().positive()),
  })
  .superRefine(({ z_dim, latents_mean, latents_std, dim_mult, temperal_downsample }, context) => {
    const lengths = { latents_mean: z_dim, latents_std: z_dim, temperal_downsample: dim_mult.length - 1 };
    const found = { latents_mean, latents_std, temperal_downsample };
    for (const [option, length] of Object.entries(lengths))
      if (found[option as keyof typeof found].length !== length)
        context.addIssue({ code: "custom", path: [option], message: `must have ${length} entries` });
  })
  .transform((config) => ({ ...config, decoder_base_dim: config.decoder_base_dim ?? config.base_dim }));

/** An AutoencoderKLQwenImage21's checked configuration. */
export type QwenVae21Config = z.output<typeof schema>;

/** Checks a VAE's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function qwenVae21Config(config: unknown): QwenVae21Config {
  return parseConfig(schema, config, "VAE");
}
