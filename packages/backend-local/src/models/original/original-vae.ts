import type { RecognisedPart } from "../recognised-model.ts";
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
 * A VAE in the naming of CompVis' latent-diffusion: a view of its tensors under diffusers' names, and the configuration that
 * their shapes imply. `rest` is what they don't tell: how latents are scaled, which is the family's.
 *
 * @see https://github.com/CompVis/stable-diffusion `ldm/modules/diffusionmodules/model.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function originalVae(source: Source, rest: Readonly<Record<string, unknown>> = {}): RecognisedPart {
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
  names.move("quant_conv.", "quant_conv.");
  names.move("post_quant_conv.", "post_quant_conv.");
  const config = {
    _class_name: "AutoencoderKL",
    in_channels: names.shape("encoder.conv_in.weight")[1] ?? 3,
    out_channels: names.shape("decoder.conv_out.weight")[0] ?? 3,
    block_out_channels: Array.from({ length: levels }, (_, i) => channelsOf(names, i)),
    down_block_types: new Array<string>(levels).fill("DownEncoderBlock2D"),
    up_block_types: new Array<string>(levels).fill("UpDecoderBlock2D"),
    layers_per_block: names.count("encoder.down.0.block") || names.count("decoder.up.0.block") - 1,
    latent_channels: names.shape("decoder.conv_in.weight")[1] ?? (names.shape("encoder.conv_out.weight")[0] ?? 0) / 2,
    use_quant_conv: names.has("quant_conv."),
    use_post_quant_conv: names.has("post_quant_conv."),
    mid_block_add_attention: names.has("decoder.mid.attn_1.") || names.has("encoder.mid.attn_1."),
    ...rest,
  };
  return { config, weights: names.finish("VAE") };
}

function moveLevel(names: Renaming, from: string, to: string, way: "down" | "up"): void {
  for (let j = 0; names.has(`${from}.block.${j}.`); j++) {
    names.move(`${from}.block.${j}.`, `${to}.resnets.${j}.`, resnetName);
  }
  names.move(`${from}.${way}sample.conv.`, `${to}.${way}samplers.0.conv.`);
}

function channelsOf(names: Renaming, level: number): number {
  const [channels] = names.shape(`encoder.down.${level}.block.0.conv1.weight`);
  return channels ?? names.shape(`decoder.up.${level}.block.0.conv1.weight`)[0] ?? 0;
}
