import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const resnetName = renameStart([
  ["in_layers.0.", "norm1."],
  ["in_layers.2.", "conv1."],
  ["emb_layers.1.", "time_emb_proj."],
  ["out_layers.0.", "norm2."],
  ["out_layers.3.", "conv2."],
  ["skip_connection.", "conv_shortcut."],
]);

/**
 * A UNet in the naming of CompVis' latent-diffusion and Stability's generative-models, under diffusers' names. Its blocks are
 * walked one by one, so any number of levels and layers will do.
 *
 * @see https://github.com/CompVis/stable-diffusion `ldm/modules/diffusionmodules/openaimodel.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalUnet(source: Source): Weights {
  const names = new Renaming(source);
  moveEmbeddings(names);
  names.move("out.0.", "conv_norm_out.");
  names.move("out.2.", "conv_out.");
  moveDown(names);
  moveMiddle(names);
  moveUp(names);
  return names.finish("UNet");
}

/**
 * A ControlNet in the naming of its authors' code, which is half a UNet's, under diffusers' names.
 *
 * @see https://github.com/lllyasviel/ControlNet `cldm/cldm.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalControlNet(source: Source): Weights {
  const names = new Renaming(source);
  moveEmbeddings(names);
  moveDown(names);
  moveMiddle(names);
  for (let i = 0; names.has(`zero_convs.${i}.`); i++) names.move(`zero_convs.${i}.0.`, `controlnet_down_blocks.${i}.`);
  names.move("middle_block_out.0.", "controlnet_mid_block.");
  // Between each two there is an activation.
  const hints = Array.from({ length: 64 }, (_, i) => 2 * i).filter((at) => names.has(`input_hint_block.${at}.`));
  for (const [i, at] of hints.entries()) {
    const to = i === 0 ? "conv_in" : i === hints.length - 1 ? "conv_out" : `blocks.${i - 1}`;
    names.move(`input_hint_block.${at}.`, `controlnet_cond_embedding.${to}.`);
  }
  return names.finish("ControlNet");
}

function moveEmbeddings(names: Renaming): void {
  names.move("time_embed.0.", "time_embedding.linear_1.");
  names.move("time_embed.2.", "time_embedding.linear_2.");
  names.move("label_emb.weight", "class_embedding.weight");
  names.move("label_emb.0.0.", "add_embedding.linear_1.");
  names.move("label_emb.0.2.", "add_embedding.linear_2.");
  names.move("input_blocks.0.0.", "conv_in.");
}

function moveMiddle(names: Renaming): void {
  names.move("middle_block.0.", "mid_block.resnets.0.", resnetName);
  if (names.has("middle_block.1.transformer_blocks.")) names.move("middle_block.1.", "mid_block.attentions.0.");
  names.move("middle_block.2.", "mid_block.resnets.1.", resnetName);
}

function moveDown(names: Renaming): void {
  let [level, layer] = [0, 0];
  for (let i = 1; names.has(`input_blocks.${i}.`); i++) {
    const [from, to] = [`input_blocks.${i}`, `down_blocks.${level}`];
    if (names.has(`${from}.0.op.`)) {
      names.move(`${from}.0.op.`, `${to}.downsamplers.0.conv.`);
      [level, layer] = [level + 1, 0];
    } else moveLayer(names, from, to, layer++);
  }
}

function moveUp(names: Renaming): void {
  let [level, layer] = [0, 0];
  for (let i = 0; names.has(`output_blocks.${i}.`); i++) {
    const [from, to] = [`output_blocks.${i}`, `up_blocks.${level}`];
    // It stands after the attention, where there is one.
    const upsampler = [1, 2].find((at) => names.has(`${from}.${at}.conv.`));
    if (upsampler !== undefined) names.move(`${from}.${upsampler}.conv.`, `${to}.upsamplers.0.conv.`);
    moveLayer(names, from, to, layer++);
    if (upsampler !== undefined) [level, layer] = [level + 1, 0];
  }
}

function moveLayer(names: Renaming, from: string, to: string, layer: number): void {
  names.move(`${from}.0.`, `${to}.resnets.${layer}.`, resnetName);
  // An attention without transformer blocks is another architecture's: it is left, and so refused.
  if (names.has(`${from}.1.transformer_blocks.`)) names.move(`${from}.1.`, `${to}.attentions.${layer}.`);
}
