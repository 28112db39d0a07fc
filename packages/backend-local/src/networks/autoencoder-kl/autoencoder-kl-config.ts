import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { layers, maxBlocks, parseConfig, size } from "../parse-config.ts";

/** What its group norms add to variances. */
export const normEpsilon = 1e-6;

/** The options of an AutoencoderKL's config.json that shape its graphs; defaults are diffusers'. */
const autoencoderSchema = z
  .object({
    in_channels: size.default(3),
    out_channels: size.default(3),
    down_block_types: z.array(z.literal("DownEncoderBlock2D")).min(1).max(maxBlocks).default(["DownEncoderBlock2D"]),
    up_block_types: z.array(z.literal("UpDecoderBlock2D")).min(1).max(maxBlocks).default(["UpDecoderBlock2D"]),
    block_out_channels: z.array(size).max(maxBlocks).default([64]),
    /** The decoder's, where it is narrower than the encoder (FLUX.2's small decoders). */
    decoder_block_out_channels: z.array(size).max(maxBlocks).nullish(),
    layers_per_block: layers.default(1),
    act_fn: z.enum(activationNames).default("silu"),
    latent_channels: size.default(4),
    norm_num_groups: size.default(32),
    use_quant_conv: z.boolean().default(true),
    use_post_quant_conv: z.boolean().default(true),
    mid_block_add_attention: z.boolean().default(true),
  })
  .superRefine((config, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    const count = config.block_out_channels.length;
    if (config.down_block_types.length !== count)
      issue("down_block_types", `must have ${count} entries, as block_out_channels`);
    if (config.up_block_types.length !== count)
      issue("up_block_types", `must have ${count} entries, as block_out_channels`);
    if ((config.decoder_block_out_channels ?? config.block_out_channels).length !== count)
      issue("decoder_block_out_channels", `must have ${count} entries, as block_out_channels`);
    for (const channels of [...config.block_out_channels, ...(config.decoder_block_out_channels ?? [])]) {
      if (channels % config.norm_num_groups !== 0)
        issue("norm_num_groups", `must divide the ${channels} channels of a block`);
    }
  });

/** An AutoencoderKL's checked configuration. */
export type AutoencoderKLConfig = z.output<typeof autoencoderSchema>;

/** The configuration as the decoder has it. */
export function ofDecoder(config: AutoencoderKLConfig): AutoencoderKLConfig {
  return { ...config, block_out_channels: config.decoder_block_out_channels ?? config.block_out_channels };
}

/** Checks a VAE's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function autoencoderKLConfig(config: unknown): AutoencoderKLConfig {
  return parseConfig(autoencoderSchema, config, "VAE");
}
