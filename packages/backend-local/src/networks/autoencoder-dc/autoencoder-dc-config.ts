import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { layers, maxBlocks, parseConfig, size } from "../parse-config.ts";

/** An option of which there is one for each level, or the same for all. */
const each = <T extends z.ZodType>(option: T) => z.union([option, z.array(option).max(maxBlocks)]);

const types = each(z.enum(["ResBlock", "EfficientViTBlock"])).default("ResBlock");
const channels = z.array(size).min(2).max(maxBlocks).default([128, 256, 512, 512, 1024, 1024]);
const kernel = z
  .int()
  .positive()
  .max(15)
  .refine((side) => side % 2 === 1, "must be odd");
const scales = z
  .array(z.array(kernel).max(4))
  .max(maxBlocks)
  .default([[], [], [], [5], [5], [5]]);

const autoencoderDCSchema = z
  .object({
    in_channels: size.default(3),
    latent_channels: size.default(32),
    attention_head_dim: size.default(32),
    encoder_block_types: types,
    decoder_block_types: types,
    encoder_block_out_channels: channels,
    decoder_block_out_channels: channels,
    encoder_layers_per_block: z.array(layers).default([2, 2, 2, 3, 3, 3]),
    decoder_layers_per_block: z.array(layers).default([3, 3, 3, 3, 3, 3]),
    encoder_qkv_multiscales: scales,
    decoder_qkv_multiscales: scales,
    // As Sana's; the others are of autoencoders that were made for ImageNet alone, as batch norms are.
    upsample_block_type: z.literal("interpolate"),
    downsample_block_type: z.literal("conv"),
    decoder_norm_types: each(z.literal("rms_norm")).default("rms_norm"),
    decoder_act_fns: each(z.enum(activationNames)).default("silu"),
    encoder_out_shortcut: z.boolean().default(true),
    decoder_in_shortcut: z.boolean().default(true),
    decoder_conv_act_fn: z.enum(activationNames).default("relu"),
  })
  .superRefine((config, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    const count = config.encoder_block_out_channels.length;
    for (const [option, list] of Object.entries(config))
      if (Array.isArray(list) && list.length !== count)
        issue(option, `must have ${count} entries, as encoder_block_out_channels`);
    for (const half of ["encoder", "decoder"] as const) {
      const [option, wide] = [`${half}_block_out_channels`, config[`${half}_block_out_channels`]];
      if (wide.some((own, i) => i > 0 && (4 * wide[i - 1]!) % own !== 0))
        issue(option, "must each divide four times those of the level before");
      if (wide.at(-1)! % config.latent_channels !== 0) issue(option, "must end with a multiple of latent_channels");
      const kinds = config[`${half}_block_types`];
      if (wide.some((own, i) => at(kinds, i) === "EfficientViTBlock" && own % config.attention_head_dim !== 0))
        issue("attention_head_dim", `must divide the channels of ${half} blocks with attention`);
    }
  })
  .transform((config) => {
    const levels = (half: "encoder" | "decoder", activations: typeof config.decoder_act_fns): Level[] =>
      config[`${half}_block_out_channels`].map((own, i) => ({
        channels: own,
        attends: at(config[`${half}_block_types`], i) === "EfficientViTBlock",
        layers: config[`${half}_layers_per_block`][i]!,
        scales: config[`${half}_qkv_multiscales`][i]!,
        activation: at(activations, i),
      }));
    return {
      ...config,
      out_channels: config.in_channels,
      encoder: levels("encoder", "silu"),
      decoder: levels("decoder", config.decoder_act_fns),
    };
  });

/** Blocks of one resolution, the largest first. */
export interface Level {
  channels: number;
  /** Whether its blocks are EfficientViT's: attention and a feed-forward, in place of two convolutions. */
  attends: boolean;
  layers: number;
  /** Sides of kernels that more queries, keys and values of the attention are made with. */
  scales: readonly number[];
  activation: (typeof activationNames)[number];
}

/** An AutoencoderDC's checked configuration. */
export type AutoencoderDCConfig = z.output<typeof autoencoderDCSchema>;

/** Checks a VAE's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function autoencoderDCConfig(config: unknown): AutoencoderDCConfig {
  return parseConfig(autoencoderDCSchema, config, "VAE");
}

function at<T extends string>(option: T | T[], i: number): T {
  return Array.isArray(option) ? option[i]! : option;
}
