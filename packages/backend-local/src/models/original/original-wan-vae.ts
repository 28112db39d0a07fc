import type { WeightTensor } from "../../files/safetensors.ts";
import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const resnetName = renameStart([
  ["residual.0.", "norm1."],
  ["residual.2.", "conv1."],
  ["residual.3.", "norm2."],
  ["residual.6.", "conv2."],
  ["shortcut.", "conv_shortcut."],
]);

/** What both have alike. */
function aroundLevels(source: Source): Renaming {
  const names = new Renaming(source);
  for (const half of ["encoder", "decoder"] as const) {
    names.move(`${half}.conv1.`, `${half}.conv_in.`);
    names.move(`${half}.head.0.`, `${half}.norm_out.`);
    names.move(`${half}.head.2.`, `${half}.conv_out.`);
    names.move(`${half}.middle.1.`, `${half}.mid_block.attentions.0.`);
    for (const [i, own] of [0, 2].entries())
      names.move(`${half}.middle.${own}.`, `${half}.mid_block.resnets.${i}.`, resnetName);
  }
  names.move("conv1.", "quant_conv.");
  names.move("conv2.", "post_quant_conv.");
  return names;
}

/**
 * The VAE of Qwen-Image 2.1 in the naming of Wan 2.2's, in which each level has a list of its own that ends with what changes the size, under diffusers'
 * names. Its kernels may have a moment's dimension of 1.
 *
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalQwenVae21(source: Source): Weights {
  const names = aroundLevels(source);
  const levels = [
    ["encoder.downsamples", "downsamples", "encoder.down_blocks", "downsampler"],
    ["decoder.upsamples", "upsamples", "decoder.up_blocks", "upsampler"],
  ] as const;
  for (const [list, inner, to, resampler] of levels)
    for (let i = 0, count = names.count(list); i < count; i++)
      for (let k = 0, layers = names.count(`${list}.${i}.${inner}`); k < layers; k++) {
        const from = `${list}.${i}.${inner}.${k}.`;
        const isResampler = names.has(`${from}resample.`);
        if (isResampler) names.move(from, `${to}.${i}.${resampler}.`);
        else names.move(from, `${to}.${i}.resnets.${k}.`, resnetName);
      }
  const { find, ...vae } = names.finish("VAE");
  return { ...vae, find: (name) => ofOneMoment(find(name)) };
}

/** A kernel over one moment alone, without that dimension. */
function ofOneMoment(tensor: WeightTensor | undefined): WeightTensor | undefined {
  if (tensor?.shape.length !== 5 || tensor.shape[2] !== 1) return tensor;
  return { ...tensor, shape: tensor.shape.toSpliced(2, 1) };
}

/**
 * The VAE of Qwen-Image (and of Wan 2.1) in Wan's own naming, under diffusers' names.
 *
 * @see https://github.com/Wan-Video/Wan2.1 `wan/modules/vae.py`
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalWanVae(source: Source): Weights {
  const names = aroundLevels(source);
  // One list of layers each: on the way up a level ends with what enlarges.
  for (let i = 0; names.has(`encoder.downsamples.${i}.`); i++)
    names.move(`encoder.downsamples.${i}.`, `encoder.down_blocks.${i}.`, resnetName);
  for (let i = 0, level = 0, inLevel = 0; names.has(`decoder.upsamples.${i}.`); i++) {
    const from = `decoder.upsamples.${i}.`;
    if (!names.has(`${from}resample.`)) {
      names.move(from, `decoder.up_blocks.${level}.resnets.${inLevel++}.`, resnetName);
      continue;
    }
    names.move(from, `decoder.up_blocks.${level}.upsamplers.0.`);
    [level, inLevel] = [level + 1, 0];
  }
  return names.finish("VAE");
}
