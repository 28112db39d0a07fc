import { z } from "zod";
import { depth, maxBlocks, only, parseConfig, size } from "../parse-config.ts";
import { type UNetConfig, unetConfig } from "../unet-2d-condition/unet-2d-condition-config.ts";

/** The options of a ControlNetModel's or ControlNetUnionModel's config.json beyond those that it shares with a UNet's; defaults are diffusers'. */
const controlNetSchema = z.object({
  conditioning_channels: size.default(3),
  conditioning_embedding_out_channels: z.array(size).min(1).max(maxBlocks).default([16, 32, 96, 256]),
  controlnet_conditioning_channel_order: z.enum(["rgb", "bgr"]).default("rgb"),
  global_pool_conditions: z.boolean().default(false),
  class_embed_type: only(null),
  num_class_embeds: only(null),
  encoder_hid_dim_type: only(null),
  num_control_type: z.int().positive().max(64).nullish(),
  num_trans_channel: size.default(320),
  num_trans_head: size.default(8),
  num_trans_layer: depth.default(1),
  num_proj_channel: size.default(320),
});

/** A ControlNet's checked configuration: half a UNet's, and how it looks at the control picture. */
export interface ControlNetConfig extends z.output<typeof controlNetSchema> {
  unet: UNetConfig;
  /** Kinds of control that one network of all kinds tells apart; none where it knows one alone. */
  kinds: number | undefined;
}

/** Checks a ControlNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function controlNetConfig(config: unknown): ControlNetConfig {
  const own = parseConfig(controlNetSchema, config, "ControlNet");
  const raw = config as Record<string, unknown>;
  const down = raw.down_block_types;
  const up = Array.isArray(down) ? down.map((name) => String(name).replace("Down", "Up")).toReversed() : undefined;
  const unet = unetConfig({
    ...raw,
    ...(up ? { up_block_types: up } : {}),
    mid_block_type: raw.mid_block_type ?? "UNetMidBlock2DCrossAttn",
    // Which of its two names counts: the older, as everywhere in diffusers.
    num_attention_heads: null,
    ...(raw.num_attention_heads == null ? {} : { attention_head_dim: raw.num_attention_heads }),
  });
  const isUnion = raw._class_name === "ControlNetUnionModel";
  return { ...own, unet, kinds: isUnion ? (own.num_control_type ?? 6) : undefined };
}
