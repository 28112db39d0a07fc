import { modelError } from "../../files/model-error.ts";
import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/** One resolution: its channels, and how many transformer blocks each of its layers has. */
interface Level {
  channels: number;
  depths: readonly number[];
  /** Whether the first attention of each transformer looks at the text as well. */
  onlyCross: boolean;
}

/**
 * The config.json that the names and shapes of a UNet2DConditionModel's tensors imply.
 *
 * They don't tell heads, which are 8 where the projections around the transformers are convolutions (Stable Diffusion 1) or
 * classes are embedded (its ×4 upscaler), and else of 64 channels each; nor the groups of the norms, which are 32; nor how the
 * input of SDXL's added embedding is parted, where each size takes 256 as published.
 *
 * @throws {@link ModelError} where no configuration of that class can be meant.
 */
export function deducedUnet(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const down = levelsOf(names, "down_blocks");
  const up = levelsOf(names, "up_blocks");
  const mid = names.count("mid_block.attentions.0.transformer_blocks");
  checkHalves(weights, down, up);
  return {
    _class_name: "UNet2DConditionModel",
    in_channels: names.shape("conv_in.weight")[1],
    out_channels: names.shape("conv_out.weight")[0],
    block_out_channels: down.map(({ channels }) => channels),
    layers_per_block: unlessAllEqual(down.map(({ depths }) => depths.length)),
    down_block_types: down.map(({ depths }) => (attends(depths) ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    mid_block_type: middleOf(names, weights, mid),
    up_block_types: up.map(({ depths }) => (attends(depths) ? "CrossAttnUpBlock2D" : "UpBlock2D")),
    ...depths(weights, down, up, mid),
    only_cross_attention: unlessAllEqual(down.map(({ onlyCross }) => onlyCross)),
    ...attention(weights, names, down),
    ...embeddings(names),
  };
}

/** The middle's class: of one layer where it attends to nothing, as there is no other whose halves have no attention between them. */
function middleOf(names: TensorNames, { source: file }: Weights, transformers: number): string | null {
  if (transformers > 0) return "UNetMidBlock2DCrossAttn";
  if (!names.has("mid_block")) return null;
  const halves = names.has("mid_block.resnets.0") && !names.has("mid_block.resnets.1");
  if (halves && !names.has("mid_block.attentions")) return "UNetMidBlock2D";
  const tensor = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight";
  throw modelError("missing", `${file} lacks ${tensor}: its middle has layers around an attention that isn't there`, {
    file,
    tensor,
  });
}

/** The way up attends where the way down does, in every network of this kind. */
function checkHalves({ source: file }: Weights, down: readonly Level[], up: readonly Level[]): void {
  for (const [i, { depths }] of down.entries()) {
    const level = up.length - 1 - i;
    const back = up[level];
    if (back === undefined || attends(back.depths) === attends(depths)) continue;
    const tensor = `${attends(depths) ? `up_blocks.${level}` : `down_blocks.${i}`}.attentions.0`;
    const message = `${file} lacks ${tensor}: at that resolution the other half of the UNet attends to the text`;
    throw modelError("missing", message, { file, tensor });
  }
}

function levelsOf(names: TensorNames, list: string): Level[] {
  return Array.from({ length: names.count(list) }, (_, i): Level => {
    const block = `${list}.${i}`;
    const [channels = 0] = names.shape(`${block}.resnets.0.conv1.weight`);
    const depths = Array.from({ length: names.count(`${block}.resnets`) }, (_, layer) =>
      names.count(`${block}.attentions.${layer}.transformer_blocks`),
    );
    // Such an attention's keys are as wide as the text.
    const [, keys] = names.shape(`${block}.attentions.0.transformer_blocks.0.attn1.to_k.weight`);
    return { channels, depths, onlyCross: keys !== undefined && keys !== channels };
  });
}

/** Transformer blocks: by level where its layers have the same number, else by layer, as in distilled networks. */
function depths(weights: Weights, down: readonly Level[], up: readonly Level[], mid: number) {
  const deepest = down.at(-1);
  // The configuration has one number for the deepest level and the middle.
  if (mid > 0 && deepest && attends(deepest.depths) && deepest.depths[0] !== mid) {
    const { source: file } = weights;
    const message = `${file}: its middle has ${mid} transformer blocks and its deepest level ${deepest.depths[0]}; they must have as many`;
    throw modelError("unsupported", message, { file, tensor: "mid_block.attentions.0" });
  }
  const ofLevel = ({ depths: each }: Level, fallback: number): number | number[] => {
    if (!attends(each)) return fallback;
    return each.every((depth) => depth === each[0]) ? each[0]! : each.map((depth) => Math.max(1, depth));
  };
  const own = down.map((level) => ofLevel(level, level === deepest ? Math.max(1, mid) : 1));
  const back = up.map((level, i) => ofLevel(level, i === 0 ? Math.max(1, mid) : 1));
  if (back.toReversed().every((depth, i) => depth === own[i]))
    return { transformer_layers_per_block: unlessAllEqual(own) };
  return { transformer_layers_per_block: own, reverse_transformer_layers_per_block: back };
}

function attention(weights: Weights, names: TensorNames, down: readonly Level[]) {
  const blocks = [...listed(names, "down_blocks"), "mid_block", ...listed(names, "up_blocks")];
  const at = blocks.map((block) => `${block}.attentions.0`).find((path) => names.has(`${path}.transformer_blocks`));
  if (at === undefined) {
    const { source: file } = weights;
    throw modelError("unsupported", `${file}: it is a UNet that attends to no text, and has no config.json`, { file });
  }
  const linear = names.shape(`${at}.proj_in.weight`).length === 2;
  const eight = !linear || names.shape("class_embedding.weight").length > 0;
  return {
    cross_attention_dim: names.shape(`${at}.transformer_blocks.0.attn2.to_k.weight`)[1],
    attention_head_dim: eight ? 8 : down.map(({ channels }) => Math.max(1, channels / 64)),
    use_linear_projection: linear,
  };
}

/** What joins the embedding of the time: a class, SDXL's pooled text and sizes, a distilled network's guidance scale. */
function embeddings(names: TensorNames): Record<string, unknown> {
  const [classes] = names.shape("class_embedding.weight");
  const [, added] = names.shape("add_embedding.linear_1.weight");
  const [, guidance] = names.shape("time_embedding.cond_proj.weight");
  return {
    ...(classes === undefined ? {} : { num_class_embeds: classes }),
    ...(added === undefined
      ? {}
      : {
          addition_embed_type: "text_time",
          addition_time_embed_dim: 256,
          projection_class_embeddings_input_dim: added,
        }),
    ...(guidance === undefined ? {} : { time_cond_proj_dim: guidance }),
  };
}

function listed(names: TensorNames, list: string): string[] {
  return Array.from({ length: names.count(list) }, (_, i) => `${list}.${i}`);
}

function attends(depths: readonly number[]): boolean {
  return depths.some((depth) => depth > 0);
}

function unlessAllEqual<T>(values: readonly T[]): T | readonly T[] {
  return values.every((value) => value === values[0]) ? values[0]! : values;
}
