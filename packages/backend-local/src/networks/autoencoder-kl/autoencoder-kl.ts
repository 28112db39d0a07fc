import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { groupNorm } from "../../graph/norm.ts";
import { downsample, upsample } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { outputStripe, stripe } from "../../graph/stripes.ts";
import { attentionBlock } from "../blocks/attention-block.ts";
import { type ResnetStyle, resnetBlock2d } from "../blocks/resnet-block-2d.ts";
import { type BuildOptions, type NetworkGraph, networkGraph, withoutArena } from "../network-graph.ts";
import {
  type AutoencoderKLConfig,
  autoencoderKLConfig,
  normEpsilon as epsilon,
  ofDecoder,
} from "./autoencoder-kl-config.ts";

/**
 * The decoder of a VAE (Kingma & Welling 2014, as in Rombach et al. 2022), diffusers' AutoencoderKL: `latent_sample`
 * `[batch, latent_channels, height, width]` to `sample` `[batch, out_channels, f·height, f·width]` in about −1 to 1, where
 * f is 2 to the number of blocks less one. Scaling and shift of the latents lie outside.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildVaeDecoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = ofDecoder(autoencoderKLConfig(config));
  const graph = new GraphBuilder("AutoencoderKL decoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("decoder");
  const [x, channels] = decoderBlocks(root, spec, spec.block_out_channels.length);
  const output = head(scope, x, channels, spec.out_channels, spec);
  graph.output(output, "sample", "float32", ["batch", spec.out_channels, "image_height", "image_width"]);
  return networkGraph(graph);
}

/**
 * The beginning of the decoder, all that is of the latent's size: `latent_sample` to `rows` `[height, channels, width]`, for the layers
 * that follow in stripes (stripe-stages.ts).
 */
export function buildVaeDecoderTrunk(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const graph = new GraphBuilder("AutoencoderKL decoder, trunk");
  const spec = ofDecoder(autoencoderKLConfig(config));
  outputStripe(graph, ...decoderBlocks(new Scope(graph, weights, options.adapter), spec, 1));
  return withoutArena(networkGraph(graph));
}

/** The decoder up to the end of its first `count` levels, and how many channels it then has. */
function decoderBlocks(root: Scope, spec: AutoencoderKLConfig, count: number): [x: Value, channels: number] {
  const { graph } = root;
  const scope = root.in("decoder");
  const style = resnetStyle(spec);
  const { latent_channels: latent, block_out_channels: levels } = spec;

  const input = graph.input("latent_sample", "float32", ["batch", latent, "height", "width"]);
  const mixing = { inChannels: latent, outChannels: latent, kernel: 1 };
  const mixed = spec.use_post_quant_conv ? conv(root.in("post_quant_conv"), input, mixing) : input;
  let channels = levels.at(-1)!;
  let x = conv(scope.in("conv_in"), mixed, { inChannels: latent, outChannels: channels });
  x = midBlock(scope.in("mid_block"), x, channels, spec);
  for (const [i, to] of levels.toReversed().slice(0, count).entries()) {
    const block = scope.in("up_blocks", i);
    for (let j = 0; j <= spec.layers_per_block; j++) {
      x = resnetBlock2d(block.in("resnets", j), x, channels, to, style);
      channels = to;
    }
    if (i < count - 1) x = upsample(block.in("upsamplers", 0), x, channels);
  }
  return [x, channels];
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
  return encoderEnd(root, x, spec);
}

/** The end of the encoder, all that is of the latent's size: input `x` `[height, channels, width]` to `moments`. */
export function buildVaeEncoderTrunk(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderKLConfig(config);
  const graph = new GraphBuilder("AutoencoderKL encoder, trunk");
  const root = new Scope(graph, weights, options.adapter);
  const last = spec.block_out_channels.length - 1;
  const [from, to] = [spec.block_out_channels[Math.max(0, last - 1)]!, spec.block_out_channels[last]!];
  let [x, channels] = [stripe(graph, "x", from), from];
  for (let j = 0; j < spec.layers_per_block; j++) {
    x = resnetBlock2d(root.in("encoder.down_blocks", last, "resnets", j), x, channels, to, resnetStyle(spec));
    channels = to;
  }
  return withoutArena(encoderEnd(root, x, spec));
}

function encoderEnd(root: Scope, from: Value, spec: AutoencoderKLConfig): NetworkGraph {
  const { graph } = root;
  const scope = root.in("encoder");
  const channels = spec.block_out_channels.at(-1)!;
  const moments = 2 * spec.latent_channels;
  let x = midBlock(scope.in("mid_block"), from, channels, spec);
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
