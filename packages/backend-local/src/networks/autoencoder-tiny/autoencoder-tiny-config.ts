import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { layers, maxBlocks, only, parseConfig, size } from "../parse-config.ts";

const widths = z.array(size).min(1).max(maxBlocks);
const counts = z.array(layers).min(1).max(maxBlocks);

/** The options of an AutoencoderTiny's config.json that shape its graphs; defaults are diffusers'. */
const autoencoderTinySchema = z
  .object({
    in_channels: size.default(3),
    out_channels: size.default(3),
    encoder_block_out_channels: widths.default([64, 64, 64, 64]),
    decoder_block_out_channels: widths.default([64, 64, 64, 64]),
    num_encoder_blocks: counts.default([1, 3, 3, 3]),
    num_decoder_blocks: counts.default([3, 3, 3, 1]),
    act_fn: z.enum(activationNames).default("relu"),
    upsample_fn: only("nearest"),
    upsampling_scaling_factor: z.literal(2).default(2),
    latent_channels: size.default(4),
  })
  .superRefine((config, context) => {
    for (const half of ["encoder", "decoder"] as const) {
      const { length } = config[`num_${half}_blocks`];
      const option = `${half}_block_out_channels` as const;
      const same = config[option].every((channels) => channels === config[option][0]);
      if (config[option].length !== length)
        context.addIssue({ code: "custom", path: [option], message: `must have ${length} entries` });
      // The blocks follow each other without a projection between them.
      else if (!same) context.addIssue({ code: "custom", path: [option], message: "must be all the same" });
    }
  });

/** An AutoencoderTiny's checked configuration. */
export type AutoencoderTinyConfig = z.output<typeof autoencoderTinySchema>;

/** Checks a tiny VAE's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function autoencoderTinyConfig(config: unknown): AutoencoderTinyConfig {
  return parseConfig(autoencoderTinySchema, config, "VAE");
}
