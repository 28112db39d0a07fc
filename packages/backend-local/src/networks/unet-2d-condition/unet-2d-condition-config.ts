import { z } from "zod";
import { activationNames } from "../../graph/activation.ts";
import { depth, layers, maxBlocks, only, parseConfig, rows, size } from "../parse-config.ts";

const downBlock = z.enum(["DownBlock2D", "CrossAttnDownBlock2D", "AttnDownBlock2D"]);
const upBlock = z.enum(["UpBlock2D", "CrossAttnUpBlock2D", "AttnUpBlock2D"]);
const sizes = z.union([size, z.array(size).max(maxBlocks)]);
const layerCounts = z.union([layers, z.array(layers).max(maxBlocks)]);
// A block on the way up has one layer more than on the way down.
const depths = z.union([depth, z.array(z.union([depth, z.array(depth).max(65)])).max(maxBlocks)]);
const activation = z.enum(activationNames);

/**
 * The options of a UNet2DConditionModel's config.json that shape its graph; defaults are diffusers'. Options that only
 * unsupported blocks read (resnet_skip_time_act, cross_attention_norm …) are left out: those blocks are refused.
 */
const unetSchema = z.object({
  in_channels: size.default(4),
  out_channels: size.default(4),
  center_input_sample: z.boolean().default(false),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  down_block_types: z
    .array(downBlock)
    .min(1)
    .max(maxBlocks)
    .default(["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]),
  mid_block_type: z.enum(["UNetMidBlock2DCrossAttn", "UNetMidBlock2D"]).nullable().default("UNetMidBlock2DCrossAttn"),
  up_block_types: z
    .array(upBlock)
    .max(maxBlocks)
    .default(["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
  only_cross_attention: z.union([z.boolean(), z.array(z.boolean()).max(maxBlocks)]).default(false),
  block_out_channels: z.array(size).max(maxBlocks).default([320, 640, 1280, 1280]),
  layers_per_block: layerCounts.default(2),
  downsample_padding: z.int().min(0).max(1).default(1),
  mid_block_scale_factor: z.number().positive().default(1),
  act_fn: activation.default("silu"),
  norm_num_groups: size.default(32),
  norm_eps: z.number().positive().default(1e-5),
  cross_attention_dim: sizes.default(1280),
  transformer_layers_per_block: depths.default(1),
  reverse_transformer_layers_per_block: depths.nullish(),
  attention_head_dim: sizes.default(8),
  num_attention_heads: only(null),
  dual_cross_attention: only(false),
  use_linear_projection: z.boolean().default(false),
  class_embed_type: z.enum(["timestep", "identity", "projection", "simple_projection"]).nullish(),
  num_class_embeds: rows.nullish(),
  projection_class_embeddings_input_dim: size.nullish(),
  class_embeddings_concat: z.boolean().default(false),
  addition_embed_type: z.literal("text_time").nullish(),
  addition_time_embed_dim: size.nullish(),
  resnet_time_scale_shift: z.enum(["default", "scale_shift"]).default("default"),
  time_embedding_type: only("positional"),
  time_embedding_dim: size.nullish(),
  time_embedding_act_fn: activation.nullish(),
  timestep_post_act: activation.nullish(),
  time_cond_proj_dim: size.nullish(),
  conv_in_kernel: size.default(3),
  conv_out_kernel: size.default(3),
  encoder_hid_dim: size.nullish(),
  encoder_hid_dim_type: z.literal("text_proj").nullish(),
  attention_type: only("default"),
});

type Raw = z.output<typeof unetSchema>;

/** One resolution of the network, on the way down and on the way up. */
export interface UNetLevel {
  down: z.output<typeof downBlock>;
  up: z.output<typeof upBlock>;
  channels: number;
  /** Layers on the way down; there is one more on the way up. */
  layers: number;
  /** Heads of the transformers' attentions. */
  heads: number;
  /** Size of a head in AttnDownBlock2D and AttnUpBlock2D. */
  headSize: number;
  crossAttentionDim: number;
  onlyCrossAttention: boolean;
  /** Transformer blocks of each layer on the way down. */
  downDepths: readonly number[];
  /** Transformer blocks of each layer on the way up. */
  upDepths: readonly number[];
}

/** A UNet2DConditionModel's checked configuration. */
export interface UNetConfig extends Raw {
  /** From the full resolution down. */
  levels: readonly UNetLevel[];
  timeEmbedDim: number;
}

/** Checks a UNet's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function unetConfig(config: unknown): UNetConfig {
  const schema = unetSchema.transform((raw, context): UNetConfig => {
    const issue = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
    const levels = unetLevels(raw, issue);
    if (raw.class_embeddings_concat && raw.class_embed_type == null && raw.num_class_embeds == null) {
      issue("class_embeddings_concat", "needs a class embedding");
    }
    const projected = raw.class_embed_type?.endsWith("projection") || raw.addition_embed_type === "text_time";
    if (projected && raw.projection_class_embeddings_input_dim == null) {
      issue("projection_class_embeddings_input_dim", "must be given for this kind of embedding");
    }
    if (raw.addition_embed_type === "text_time" && raw.addition_time_embed_dim == null) {
      issue("addition_time_embed_dim", "must be given for addition_embed_type text_time");
    }
    return { ...raw, levels, timeEmbedDim: raw.time_embedding_dim ?? raw.block_out_channels[0]! * 4 };
  });
  return parseConfig(schema, config, "UNet");
}

function unetLevels(raw: Raw, issue: (option: string, message: string) => void): UNetLevel[] {
  const count = raw.down_block_types.length;
  const perLevel = <T>(option: keyof Raw, value: T | readonly T[]): readonly T[] => {
    const list = Array.isArray(value) ? (value as readonly T[]) : new Array<T>(count).fill(value as T);
    if (list.length !== count) issue(option, `must have one entry for each of the ${count} down blocks`);
    return list;
  };
  const perLayer = (depth: number | readonly number[] | undefined, layers: number): readonly number[] =>
    Array.isArray(depth) ? depth : new Array<number>(layers).fill((depth as number | undefined) ?? 1);

  const channels = perLevel("block_out_channels", raw.block_out_channels);
  const up = perLevel("up_block_types", raw.up_block_types).toReversed();
  const layers = perLevel("layers_per_block", raw.layers_per_block);
  const down = perLevel("transformer_layers_per_block", raw.transformer_layers_per_block);
  const reversed = raw.reverse_transformer_layers_per_block;
  const upDepths = reversed == null ? down : perLevel("reverse_transformer_layers_per_block", reversed).toReversed();
  if (reversed == null && down.some(Array.isArray)) {
    issue("reverse_transformer_layers_per_block", "must be given where transformer_layers_per_block differs by layer");
  }
  // diffusers once named the number of heads `attention_head_dim`, and every configuration has kept the name.
  const heads = perLevel("attention_head_dim", raw.attention_head_dim);
  const cross = perLevel("cross_attention_dim", raw.cross_attention_dim);
  const onlyCross = perLevel("only_cross_attention", raw.only_cross_attention);

  return raw.down_block_types.map((type, i): UNetLevel => {
    const level: UNetLevel = {
      down: type,
      up: up[i] ?? "UpBlock2D",
      channels: channels[i] ?? 1,
      layers: layers[i] ?? 1,
      heads: heads[i] ?? 1,
      headSize: heads[i] ?? 1,
      crossAttentionDim: cross[i] ?? 1,
      onlyCrossAttention: onlyCross[i] ?? false,
      downDepths: perLayer(down[i], layers[i] ?? 1),
      upDepths: perLayer(upDepths[i], (layers[i] ?? 1) + 1),
    };
    if (level.channels % raw.norm_num_groups !== 0) {
      issue("norm_num_groups", `must divide the ${level.channels} channels of block ${i}`);
    }
    if (level.channels % level.heads !== 0) {
      issue("attention_head_dim", `must divide the ${level.channels} channels of block ${i}`);
    }
    return level;
  });
}
