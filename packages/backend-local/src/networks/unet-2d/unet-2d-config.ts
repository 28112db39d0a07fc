import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { layers, maxBlocks, only, parseConfig, rows, size } from "../parse-config.ts";

/** The options of a UNet2DModel's config.json that shape its graph; defaults are diffusers'. */
const unet2dSchema = z
  .object({
    in_channels: size.default(3),
    out_channels: size.default(3),
    center_input_sample: z.boolean().default(false),
    time_embedding_type: z.enum(["positional", "fourier"]).default("positional"),
    time_embedding_dim: size.nullish(),
    freq_shift: z.number().default(0),
    flip_sin_to_cos: z.boolean().default(true),
    down_block_types: z
      .array(z.enum(["DownBlock2D", "AttnDownBlock2D"]))
      .min(1)
      .max(maxBlocks)
      .default(["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"]),
    mid_block_type: z.literal("UNetMidBlock2D").nullable().default("UNetMidBlock2D"),
    up_block_types: z
      .array(z.enum(["UpBlock2D", "AttnUpBlock2D"]))
      .max(maxBlocks)
      .default(["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
    block_out_channels: z.array(size).max(maxBlocks).default([224, 448, 672, 896]),
    layers_per_block: layers.default(2),
    mid_block_scale_factor: z.number().positive().default(1),
    downsample_padding: z.int().min(0).max(1).default(1),
    downsample_type: only("conv"),
    upsample_type: only("conv"),
    act_fn: z.enum(activationNames).default("silu"),
    // Absent it is 8; null means one head.
    attention_head_dim: size.nullable().default(8),
    norm_num_groups: size.default(32),
    attn_norm_num_groups: size.nullish(),
    norm_eps: z.number().positive().default(1e-5),
    resnet_time_scale_shift: z.enum(["default", "scale_shift"]).default("default"),
    add_attention: z.boolean().default(true),
    class_embed_type: z.enum(["timestep", "identity"]).nullish(),
    num_class_embeds: rows.nullish(),
  })
  .superRefine((config, context) => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    const count = config.block_out_channels.length;
    if (config.down_block_types.length !== count)
      issue("down_block_types", `must have ${count} entries, as block_out_channels`);
    if (config.up_block_types.length !== count)
      issue("up_block_types", `must have ${count} entries, as block_out_channels`);
    for (const channels of config.block_out_channels) {
      if (channels % config.norm_num_groups !== 0)
        issue("norm_num_groups", `must divide the ${channels} channels of a block`);
      if (channels % (config.attention_head_dim ?? channels) !== 0)
        issue("attention_head_dim", `must divide the ${channels} channels of a block`);
    }
    if (config.resnet_time_scale_shift === "scale_shift" && config.add_attention && config.attn_norm_num_groups == null)
      issue("attn_norm_num_groups", "must be given with resnet_time_scale_shift scale_shift");
  });

/** A UNet2DModel's checked configuration. */
export type UNet2dConfig = z.output<typeof unet2dSchema>;

/** Checks a pixel UNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function unet2dConfig(config: unknown): UNet2dConfig {
  return parseConfig(unet2dSchema, config, "UNet");
}
