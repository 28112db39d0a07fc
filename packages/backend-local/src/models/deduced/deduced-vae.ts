import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/**
 * The config.json that the names and shapes of an AutoencoderKL's tensors imply. They don't tell how latents are scaled, which
 * is the family's; nor the groups of the norms, which are 32.
 */
export function deducedVae(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const levels = Math.max(names.count("encoder.down_blocks"), names.count("decoder.up_blocks"));
  const inEncoder = (level: number) => names.shape(`encoder.down_blocks.${level}.resnets.0.conv1.weight`)[0];
  const inDecoder = (level: number) => names.shape(`decoder.up_blocks.${levels - 1 - level}.resnets.0.conv1.weight`)[0];
  const each = (of: (level: number) => number | undefined) => Array.from({ length: levels }, (_, i) => of(i));
  const channels = each((level) => inEncoder(level) ?? inDecoder(level));
  const decoder = each((level) => inDecoder(level) ?? inEncoder(level));
  const [, latent] = names.shape("decoder.conv_in.weight");
  const [moments = 0] = names.shape("encoder.conv_out.weight");
  return {
    // What FLUX.2's latents are normalised by is in its file.
    _class_name: names.has("bn") ? "AutoencoderKLFlux2" : "AutoencoderKL",
    in_channels: names.shape("encoder.conv_in.weight")[1] ?? 3,
    out_channels: names.shape("decoder.conv_out.weight")[0] ?? 3,
    block_out_channels: channels,
    ...(channels.join() === decoder.join() ? {} : { decoder_block_out_channels: decoder }),
    down_block_types: new Array<string>(levels).fill("DownEncoderBlock2D"),
    up_block_types: new Array<string>(levels).fill("UpDecoderBlock2D"),
    layers_per_block: names.count("encoder.down_blocks.0.resnets") || names.count("decoder.up_blocks.0.resnets") - 1,
    latent_channels: latent ?? moments / 2,
    use_quant_conv: names.has("quant_conv"),
    use_post_quant_conv: names.has("post_quant_conv"),
    mid_block_add_attention: names.has("decoder.mid_block.attentions") || names.has("encoder.mid_block.attentions"),
  };
}

/** What Wan 2.1's and Qwen-Image's latents are normalised by, as published. */
const wanLatents = {
  latents_mean: [
    ...[-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508],
    ...[0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],
  ],
  latents_std: [
    ...[2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743],
    ...[3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.916],
  ],
};

/** The config.json that the names and shapes of an AutoencoderKLQwenImage's tensors imply. */
export function deducedQwenVae(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [base = 1, channels] = names.shape("encoder.conv_in.weight");
  const levels = names.count("decoder.up_blocks");
  const widths = Array.from({ length: levels }, (_, i) => {
    const [width = 0] = names.shape(`decoder.up_blocks.${levels - 1 - i}.resnets.0.conv1.weight`);
    return width / base;
  });
  return {
    _class_name: "AutoencoderKLQwenImage",
    base_dim: base,
    z_dim: names.shape("decoder.conv_in.weight")[1],
    dim_mult: widths,
    num_res_blocks: names.count("decoder.up_blocks.0.resnets") - 1,
    input_channels: channels,
    ...wanLatents,
  };
}

/** The config.json that the names and shapes of an AutoencoderTiny's tensors imply; its activation is TAESD's. */
export function deducedTinyVae(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [channels] = names.shape("decoder.layers.0.weight");
  const [encoderChannels] = names.shape("encoder.layers.0.weight");
  const decoder = stages(names, "decoder.layers");
  const encoder = stages(names, "encoder.layers");
  return {
    _class_name: "AutoencoderTiny",
    latent_channels:
      names.shape("decoder.layers.0.weight")[1] ?? names.shape(`encoder.layers.${lastOf(names)}.weight`)[0],
    num_decoder_blocks: decoder.length > 0 ? decoder : encoder.toReversed(),
    num_encoder_blocks: encoder.length > 0 ? encoder : decoder.toReversed(),
    decoder_block_out_channels: new Array(decoder.length || encoder.length).fill(channels ?? encoderChannels),
    encoder_block_out_channels: new Array(encoder.length || decoder.length).fill(encoderChannels ?? channels),
  };
}

/** How many blocks lie between the single convolutions. */
function stages(names: TensorNames, list: string): number[] {
  const counts: number[] = [];
  let run = 0;
  for (let i = 0; i <= maxLayers; i++) {
    if (names.has(`${list}.${i}.conv`)) run++;
    else if (run > 0) {
      counts.push(run);
      run = 0;
    }
  }
  return counts;
}

const maxLayers = 256;

function lastOf(names: TensorNames): number {
  let last = 0;
  for (let i = 0; i <= maxLayers; i++) if (names.has(`encoder.layers.${i}`)) last = i;
  return last;
}
