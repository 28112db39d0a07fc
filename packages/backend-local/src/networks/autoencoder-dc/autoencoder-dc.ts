import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { pixelShuffle, pixelUnshuffle } from "../../graph/pixel-shuffle.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { reachOf, type VaeCut } from "../blocks/vae-cut.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type AutoencoderDCConfig, autoencoderDCConfig, type Level } from "./autoencoder-dc-config.ts";
import { dcBlock, placeNorm } from "./dc-blocks.ts";
import { averaged, repeated } from "./residual-channels.ts";

/**
 * The decoder of a deep compression autoencoder (Chen et al. 2024, https://arxiv.org/abs/2410.10733), diffusers' AutoencoderDC: with no group norms; where it changes
 * size, squares of pixels become channels and channels squares beside its convolutions.
 *
 * Input: `latent_sample` `[1, latent_channels, height, width]`. Output: `sample` `[1, in_channels, image_height, image_width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildDCDecoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const { graph, root, spec } = opened(config, weights, options);
  return finished(graph, tail(root, trunk(root, spec), spec), spec);
}

/** Its first half, the levels in which all places look at each other: `latent_sample` to `rows` `[1, channels, height, width]`. */
export function buildDCTrunk(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const { graph, root, spec } = opened(config, weights, options);
  graph.output(trunk(root, spec), "rows", "float32", [
    1,
    spec.decoder[seamOf(spec)]!.channels,
    "rows_height",
    "rows_width",
  ]);
  return networkGraph(graph);
}

/** Its second half, in which no place looks far: `rows` to `sample`. */
export function buildDCTail(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const { graph, root, spec } = opened(config, weights, options);
  const { channels } = spec.decoder[seamOf(spec)]!;
  return finished(graph, tail(root, graph.input("rows", "float32", [1, channels, "height", "width"]), spec), spec);
}

/** How it can be cut into bands. */
export function dcCuts(config: unknown): VaeCut[] {
  const spec = autoencoderDCConfig(config);
  const { decoder: levels, in_channels: colours } = spec;
  const seam = seamOf(spec);
  const convolutions = [
    0,
    ...levels
      .slice(0, seam)
      .map(({ layers }) => 2 * layers)
      .reverse(),
  ];
  const [scale, { channels }] = [2 ** seam, levels[seam]!];
  // A feed-forward has eight times the channels, before and after it convolves them.
  const floats = { trunk: (24 * channels) / scale ** 2, tail: 3.5 * levels[0]!.channels };
  const up = 2 ** (levels.length - 1 - seam);
  return [{ seam, colours, up, scale, channels, reach: reachOf(convolutions), floats }];
}

/** The level that the trunk ends with: the largest that attends, but for the picture's own. */
function seamOf({ decoder }: AutoencoderDCConfig): number {
  const attending = decoder.findIndex(({ attends }) => attends);
  return attending < 0 ? decoder.length - 1 : attending;
}

function opened(config: unknown, weights: Weights, options: BuildOptions) {
  const spec = autoencoderDCConfig(config);
  const graph = new GraphBuilder("AutoencoderDC.decoder");
  return { spec, graph, root: new Scope(graph, weights, options.adapter).in("decoder") };
}

function finished(graph: GraphBuilder, sample: Value, { in_channels: colours }: AutoencoderDCConfig): NetworkGraph {
  graph.output(sample, "sample", "float32", [1, colours, "image_height", "image_width"]);
  return networkGraph(graph);
}

function trunk(root: Scope, spec: AutoencoderDCConfig): Value {
  const { latent_channels: channels, decoder: levels } = spec;
  const { graph } = root;
  const latent = graph.input("latent_sample", "float32", [1, channels, "height", "width"]);
  const deepest = levels.at(-1)!.channels;
  const taken = conv(root.in("conv_in"), latent, { inChannels: channels, outChannels: deepest });
  const x = spec.decoder_in_shortcut
    ? graph.node("Add", [taken, repeated(graph, latent, channels, deepest / channels)])
    : taken;
  return decoded(root, x, spec, levels.length - 1, seamOf(spec));
}

function tail(root: Scope, rows: Value, spec: AutoencoderDCConfig): Value {
  const x = decoded(root, rows, spec, seamOf(spec) - 1, 0);
  const width = spec.decoder[0]!.channels;
  const active = activate(root.graph, spec.decoder_conv_act_fn, placeNorm(root.in("norm_out"), x, width));
  return conv(root.in("conv_out"), active, { inChannels: width, outChannels: spec.in_channels });
}

/** Levels of a decoder, from one to a larger. */
function decoded(root: Scope, input: Value, spec: AutoencoderDCConfig, from: number, to: number): Value {
  let x = input;
  for (let i = from; i >= to; i--) {
    const [scope, level, deeper] = [root.in("up_blocks", i), spec.decoder[i]!, spec.decoder[i + 1]];
    if (deeper !== undefined) x = enlarged(scope.in(0), x, deeper.channels, level.channels);
    x = blocks(scope, x, level, deeper === undefined ? 0 : 1, spec);
  }
  return x;
}

/**
 * Its encoder. Input: `sample` `[1, in_channels, image_height, image_width]`, −1 to 1. Output: `latents` `[1, latent_channels, height, width]`, of no distribution.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildDCEncoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderDCConfig(config);
  const graph = new GraphBuilder("AutoencoderDC.encoder");
  const root = new Scope(graph, weights, options.adapter).in("encoder");
  const { latent_channels: channels, encoder: levels } = spec;
  const sample = graph.input("sample", "float32", [1, spec.in_channels, "image_height", "image_width"]);
  let x = conv(root.in("conv_in"), sample, { inChannels: spec.in_channels, outChannels: levels[0]!.channels });
  for (const [i, level] of levels.entries()) {
    const [scope, deeper] = [root.in("down_blocks", i), levels[i + 1]];
    x = blocks(scope, x, level, 0, spec);
    if (deeper !== undefined) x = shrunk(scope.in(level.layers), x, level.channels, deeper.channels);
  }
  const deepest = levels.at(-1)!.channels;
  const given = conv(root.in("conv_out"), x, { inChannels: deepest, outChannels: channels });
  const latents = spec.encoder_out_shortcut
    ? graph.node("Add", [given, averaged(graph, x, channels, deepest / channels)])
    : given;
  graph.output(latents, "latents", "float32", [1, channels, "height", "width"]);
  return networkGraph(graph);
}

/** A level's blocks, which stand from `first` on in their list. */
function blocks(scope: Scope, x: Value, level: Level, first: number, spec: AutoencoderDCConfig): Value {
  let value = x;
  for (let i = 0; i < level.layers; i++)
    value = dcBlock(scope.in(first + i), value, { ...level, headSize: spec.attention_head_dim });
  return value;
}

/** Twice the sides. Beside the convolution, channels become squares as they are, repeated where there are too few. */
function enlarged(scope: Scope, x: Value, from: number, to: number): Value {
  const { graph } = scope;
  const convolved = conv(scope.in("conv"), nearestTwice(graph, x), { inChannels: from, outChannels: to });
  return graph.node("Add", [convolved, pixelShuffle(graph, repeated(graph, x, from, (4 * to) / from), 2)]);
}

/** Half the sides. Beside the convolution, squares become channels, and these means of as many as it takes. */
function shrunk(scope: Scope, x: Value, from: number, to: number): Value {
  const { graph } = scope;
  const convolved = conv(scope.in("conv"), x, { inChannels: from, outChannels: to, stride: 2 });
  return graph.node("Add", [convolved, averaged(graph, pixelUnshuffle(graph, x, from, 2), to, (4 * from) / to)]);
}
