import type { RecognisedPart } from "../recognised-model.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const resnetName = renameStart([
  ["in_layers.0.", "norm1."],
  ["in_layers.2.", "conv1."],
  ["emb_layers.1.", "time_emb_proj."],
  ["out_layers.0.", "norm2."],
  ["out_layers.3.", "conv2."],
  ["skip_connection.", "conv_shortcut."],
]);

/** One resolution: its channels, and how many transformer blocks each of its layers has. */
interface Level {
  channels: number;
  depths: number[];
  onlyCross: boolean;
}

/**
 * A UNet in the naming of CompVis' latent-diffusion and Stability's generative-models: a view of its tensors under diffusers'
 * names, and the configuration that their shapes imply.
 *
 * Shapes don't tell heads, which are 8 where the projections around the transformers are convolutions (Stable Diffusion 1) or
 * classes are embedded (its ×4 upscaler), and else of 64 channels each; nor the groups of the norms, which are 32.
 *
 * @see https://github.com/CompVis/stable-diffusion `ldm/modules/diffusionmodules/openaimodel.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalUnet(source: Source): RecognisedPart {
  const names = new Renaming(source);
  names.move("time_embed.0.", "time_embedding.linear_1.");
  names.move("time_embed.2.", "time_embedding.linear_2.");
  names.move("input_blocks.0.0.", "conv_in.");
  names.move("out.0.", "conv_norm_out.");
  names.move("out.2.", "conv_out.");
  const down = walkDown(names);
  const mid = middle(names);
  const up = walkUp(names);
  const config = {
    _class_name: "UNet2DConditionModel",
    in_channels: names.shape("input_blocks.0.0.weight")[1],
    out_channels: names.shape("out.2.weight")[0],
    block_out_channels: down.map(({ channels }) => channels),
    layers_per_block: unlessAllEqual(down.map(({ depths }) => depths.length)),
    down_block_types: down.map(({ depths }) => (attends(depths) ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    up_block_types: up.map(({ depths }) => (attends(depths) ? "CrossAttnUpBlock2D" : "UpBlock2D")),
    ...mid.config,
    ...depths(names, down, up, mid.depth),
    only_cross_attention: unlessAllEqual(down.map(({ onlyCross }) => onlyCross)),
    ...attention(names, down),
    ...embeddings(names),
  };
  return { config, weights: names.finish("UNet") };
}

function walkDown(names: Renaming): Level[] {
  const levels: Level[] = [];
  let level: Level = { channels: 0, depths: [], onlyCross: false };
  for (let i = 1; names.has(`input_blocks.${i}.`); i++) {
    const [from, to] = [`input_blocks.${i}`, `down_blocks.${levels.length}`];
    if (names.has(`${from}.0.op.`)) {
      names.move(`${from}.0.op.`, `${to}.downsamplers.0.conv.`);
      levels.push(level);
      level = { channels: 0, depths: [], onlyCross: false };
      continue;
    }
    addLayer(names, level, from, to);
  }
  return [...levels, level];
}

function walkUp(names: Renaming): Level[] {
  const levels: Level[] = [];
  let level: Level = { channels: 0, depths: [], onlyCross: false };
  for (let i = 0; names.has(`output_blocks.${i}.`); i++) {
    const [from, to] = [`output_blocks.${i}`, `up_blocks.${levels.length}`];
    const upsampler = [1, 2].find((at) => names.has(`${from}.${at}.conv.`));
    if (upsampler !== undefined) names.move(`${from}.${upsampler}.conv.`, `${to}.upsamplers.0.conv.`);
    addLayer(names, level, from, to);
    if (upsampler === undefined) continue;
    levels.push(level);
    level = { channels: 0, depths: [], onlyCross: false };
  }
  return [...levels, level];
}

function addLayer(names: Renaming, level: Level, from: string, to: string): void {
  const layer = level.depths.length;
  level.channels = names.shape(`${from}.0.in_layers.2.weight`)[0] ?? 0;
  names.move(`${from}.0.`, `${to}.resnets.${layer}.`, resnetName);
  const depth = names.count(`${from}.1.transformer_blocks`);
  if (depth > 0) {
    // Where keys are as wide as the text, the first attention looks at the text as well.
    const keys = names.shape(`${from}.1.transformer_blocks.0.attn1.to_k.weight`)[1];
    level.onlyCross ||= keys !== level.channels;
    names.move(`${from}.1.`, `${to}.attentions.${layer}.`);
  }
  level.depths.push(depth);
}

function middle(names: Renaming): { config: { mid_block_type: string | null }; depth: number } {
  const depth = names.count("middle_block.1.transformer_blocks");
  names.move("middle_block.0.", "mid_block.resnets.0.", resnetName);
  if (depth > 0) names.move("middle_block.1.", "mid_block.attentions.0.");
  names.move("middle_block.2.", "mid_block.resnets.1.", resnetName);
  if (depth > 0) return { config: { mid_block_type: "UNetMidBlock2DCrossAttn" }, depth };
  return { config: { mid_block_type: names.has("middle_block.0.") ? "UNetMidBlock2D" : null }, depth };
}

/** Transformer blocks: by level where its layers have the same number, else by layer, as in distilled networks. */
function depths(names: Renaming, down: readonly Level[], up: readonly Level[], mid: number) {
  const deepest = down.at(-1)!;
  // The configuration has one number for the deepest level and the middle.
  if (mid > 0 && attends(deepest.depths) && deepest.depths[0] !== mid) {
    const message = `is one of ${mid} transformer blocks in the middle; the level before it has ${deepest.depths[0]}, and both must have as many`;
    throw names.unsupported("middle_block.1.transformer_blocks.0.attn1.to_q.weight", message);
  }
  const ofLevel = ({ depths: each }: Level, fallback: number): number | number[] => {
    if (!attends(each)) return fallback;
    return each.every((depth) => depth === each[0]) ? each[0]! : each.map((depth) => Math.max(1, depth));
  };
  const own = down.map((level) => ofLevel(level, level === deepest ? Math.max(1, mid) : 1));
  const back = up.map((level, i) => ofLevel(level, i === 0 ? Math.max(1, mid) : 1));
  const same = back.toReversed().every((depth, i) => depth === own[i]);
  if (same) return { transformer_layers_per_block: unlessAllEqual(own) };
  return { transformer_layers_per_block: own, reverse_transformer_layers_per_block: back };
}

function attention(names: Renaming, down: readonly Level[]) {
  const at = ["middle_block.1", ...names.blocks("input_blocks"), ...names.blocks("output_blocks")].find((block) =>
    names.has(`${block}.transformer_blocks.`),
  );
  if (at === undefined) throw names.unsupported("out.2.weight", "belongs to a network without text");
  const linear = names.shape(`${at}.proj_in.weight`).length === 2;
  const eight = !linear || names.has("label_emb.weight");
  return {
    cross_attention_dim: names.shape(`${at}.transformer_blocks.0.attn2.to_k.weight`)[1],
    attention_head_dim: eight ? 8 : down.map(({ channels }) => Math.max(1, channels / 64)),
    use_linear_projection: linear,
  };
}

/** What is added to the embedding of the time: a class, or SDXL's pooled text and sizes. */
function embeddings(names: Renaming) {
  const classes = names.shape("label_emb.weight")[0];
  names.move("label_emb.weight", "class_embedding.weight");
  const inputs = names.shape("label_emb.0.0.weight")[1];
  names.move("label_emb.0.0.", "add_embedding.linear_1.");
  names.move("label_emb.0.2.", "add_embedding.linear_2.");
  return {
    ...(classes === undefined ? {} : { num_class_embeds: classes }),
    ...(inputs === undefined
      ? {}
      : {
          addition_embed_type: "text_time",
          addition_time_embed_dim: 256,
          projection_class_embeddings_input_dim: inputs,
        }),
  };
}

function attends(depths: readonly number[]): boolean {
  return depths.some((depth) => depth > 0);
}

function unlessAllEqual<T>(values: readonly T[]): T | readonly T[] {
  return values.every((value) => value === values[0]) ? values[0]! : values;
}
