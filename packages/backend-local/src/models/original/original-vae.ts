import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const resnetName = renameStart([["nin_shortcut.", "conv_shortcut."]]);
const attentionName = renameStart([
  ["norm.", "group_norm."],
  ["q.", "to_q."],
  ["k.", "to_k."],
  ["v.", "to_v."],
  ["proj_out.", "to_out.0."],
]);

/**
 * A VAE in the naming of CompVis' latent-diffusion, under diffusers' names.
 *
 * @see https://github.com/CompVis/stable-diffusion `ldm/modules/diffusionmodules/model.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalVae(source: Source): Weights {
  const names = new Renaming(source);
  names.drop("loss.", "model_ema.");
  const levels = Math.max(names.count("encoder.down"), names.count("decoder.up"));
  for (const half of ["encoder", "decoder"] as const) {
    names.move(`${half}.norm_out.`, `${half}.conv_norm_out.`);
    for (const end of ["conv_in.", "conv_out."]) names.move(`${half}.${end}`, `${half}.${end}`);
    for (const i of [0, 1]) {
      names.move(`${half}.mid.block_${i + 1}.`, `${half}.mid_block.resnets.${i}.`, resnetName);
    }
    names.move(`${half}.mid.attn_1.`, `${half}.mid_block.attentions.0.`, attentionName);
  }
  for (let i = 0; i < levels; i++) {
    moveLevel(names, `encoder.down.${i}`, `encoder.down_blocks.${i}`, "down");
    // The original counts from the full resolution on the way up, too.
    moveLevel(names, `decoder.up.${i}`, `decoder.up_blocks.${levels - 1 - i}`, "up");
  }
  // FLUX.2's stand within the halves, beside what its latents are normalised by.
  for (const start of ["", "encoder."]) names.move(`${start}quant_conv.`, "quant_conv.");
  for (const start of ["", "decoder."]) names.move(`${start}post_quant_conv.`, "post_quant_conv.");
  names.move("bn.", "bn.");
  return names.finish("VAE");
}

function moveLevel(names: Renaming, from: string, to: string, way: "down" | "up"): void {
  for (let j = 0; names.has(`${from}.block.${j}.`); j++) {
    names.move(`${from}.block.${j}.`, `${to}.resnets.${j}.`, resnetName);
  }
  names.move(`${from}.${way}sample.conv.`, `${to}.${way}samplers.0.conv.`);
}

/**
 * TAESD's own files, under diffusers' names: each half is a file of its own, with the layers' numbers for names. The decoder's
 * begin with 1, after the clamp.
 *
 * @see https://github.com/madebyollin/taesd
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalTinyVae(source: Source, half: "encoder" | "decoder"): Weights {
  const names = new Renaming(source);
  const shift = half === "decoder" ? 1 : 0;
  for (let i = 0; names.has(`${i}.`) || i === 0 || names.has(`${i + 1}.`) || names.has(`${i + 2}.`); i++) {
    names.move(`${i}.`, `${half}.layers.${i - shift}.`);
  }
  return names.finish("tiny VAE");
}
