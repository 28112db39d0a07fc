import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { groupNorm } from "../../graph/norm.ts";
import { downsample, upsample } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { attentionBlock } from "../blocks/attention-block.ts";
import { type ResnetStyle, resnetBlock2d } from "../blocks/resnet-block-2d.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type AutoencoderKLConfig, autoencoderKLConfig } from "./autoencoder-kl-config.ts";

const epsilon = 1e-6;

/**
 * The decoder of a VAE (Kingma & Welling 2014, as in Rombach et al. 2022), diffusers' AutoencoderKL: `latent_sample`
 * `[batch, latent_channels, height, width]` to `sample` `[batch, out_channels, f·height, f·width]` in about −1 to 1, where
 * f is 2 to the number of blocks less one. Scaling and shift of the latents lie outside.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildVaeDecoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderKLConfig(config);
  const graph = new GraphBuilder("AutoencoderKL decoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("decoder");
  const style = resnetStyle(spec);
  const { latent_channels: latent, block_out_channels: levels } = spec;

  const input = graph.input("latent_sample", "float32", ["batch", latent, "height", "width"]);
  const mixing = { inChannels: latent, outChannels: latent, kernel: 1 };
  const mixed = spec.use_post_quant_conv ? conv(root.in("post_quant_conv"), input, mixing) : input;
  let channels = levels.at(-1)!;
  let x = conv(scope.in("conv_in"), mixed, { inChannels: latent, outChannels: channels });
  x = midBlock(scope.in("mid_block"), x, channels, spec);
  for (const [i, to] of levels.toReversed().entries()) {
    const block = scope.in("up_blocks", i);
    for (let j = 0; j <= spec.layers_per_block; j++) {
      x = resnetBlock2d(block.in("resnets", j), x, channels, to, style);
      channels = to;
    }
    if (i < levels.length - 1) x = upsample(block.in("upsamplers", 0), x, channels);
  }
  const output = head(scope, x, channels, spec.out_channels, spec);
  graph.output(output, "sample", "float32", ["batch", spec.out_channels, "image_height", "image_width"]);
  return networkGraph(graph);
}

/**
 * The encoder of a VAE: `sample` `[batch, in_channels, f·height, f·width]` in −1 to 1 to `moments`
 * `[batch, 2·latent_channels, height, width]`, the means and then the logarithms of the variances of the latents.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildVaeEncoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderKLConfig(config);
  const graph = new GraphBuilder("AutoencoderKL encoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("encoder");
  const style = resnetStyle(spec);
  const { block_out_channels: levels } = spec;
  const moments = 2 * spec.latent_channels;

  const input = graph.input("sample", "float32", ["batch", spec.in_channels, "image_height", "image_width"]);
  let channels = levels[0]!;
  let x = conv(scope.in("conv_in"), input, { inChannels: spec.in_channels, outChannels: channels });
  for (const [i, to] of levels.entries()) {
    const block = scope.in("down_blocks", i);
    for (let j = 0; j < spec.layers_per_block; j++) {
      x = resnetBlock2d(block.in("resnets", j), x, channels, to, style);
      channels = to;
    }
    if (i < levels.length - 1) x = downsample(block.in("downsamplers", 0), x, channels, 0);
  }
  x = midBlock(scope.in("mid_block"), x, channels, spec);
  x = head(scope, x, channels, moments, spec);
  const mixing = { inChannels: moments, outChannels: moments, kernel: 1 };
  const output = spec.use_quant_conv ? conv(root.in("quant_conv"), x, mixing) : x;
  graph.output(output, "moments", "float32", ["batch", moments, "height", "width"]);
  return networkGraph(graph);
}

function resnetStyle(spec: AutoencoderKLConfig): ResnetStyle {
  return { groups: spec.norm_num_groups, epsilon, activation: spec.act_fn };
}

function midBlock(scope: Scope, input: Value, channels: number, spec: AutoencoderKLConfig): Value {
  const style = resnetStyle(spec);
  const sizes = { channels, headSize: channels, groups: style.groups, epsilon };
  const first = resnetBlock2d(scope.in("resnets", 0), input, channels, channels, style);
  const middle = spec.mid_block_add_attention ? attentionBlock(scope.in("attentions", 0), first, sizes) : first;
  return resnetBlock2d(scope.in("resnets", 1), middle, channels, channels, style);
}

/** The end of either half. Its activation is SiLU whatever `act_fn` says, as in diffusers. */
function head(scope: Scope, input: Value, channels: number, outChannels: number, spec: AutoencoderKLConfig): Value {
  const normed = groupNorm(scope.in("conv_norm_out"), input, { channels, groups: spec.norm_num_groups, epsilon });
  return conv(scope.in("conv_out"), activate(scope.graph, "silu", normed), { inChannels: channels, outChannels });
}
