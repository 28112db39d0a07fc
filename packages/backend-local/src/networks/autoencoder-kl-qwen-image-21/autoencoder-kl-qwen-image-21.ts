import { modelError } from "../../files/model-error.ts";
import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { cutDecoder } from "../blocks/cut-decoder.ts";
import { reachOf, seamsOf, type VaeCut } from "../blocks/vae-cut.ts";
import { active, middle, residual } from "../blocks/wan-vae-blocks.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type QwenVae21Config, qwenVae21Config } from "./autoencoder-kl-qwen-image-21-config.ts";

const decoder = cutDecoder<QwenVae21Config>({
  ...{ name: "AutoencoderKLQwenImage21 decoder", parse: qwenVae21Config, count: (spec) => spec.dim_mult.length },
  ...{ channelsAt, trunk, levels, finished },
});

/**
 * The decoder of Qwen-Image 2.1's VAE, diffusers' AutoencoderKLQwenImage21 (Wan 2.2's, made for pictures with transparency): `latent_sample`
 * `[1, z_dim, height, width]` to `sample` `[1, out_channels, f·height, f·width]` in about −1 to 1.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export const buildQwenVae21Decoder = decoder.whole;
/** Its levels below a seam, and attention of all places to each other: `latent_sample` to `rows` `[1, channels, rows_height, rows_width]`. */
export const buildQwenVae21Trunk = decoder.trunk;
/** Its levels from a seam on, in which no place looks far: `rows` `[1, channels, height, width]` to `sample`. */
export const buildQwenVae21Tail = decoder.tail;

/** How it can be cut into bands, the quicker way first. */
export function qwenVae21Cuts(config: unknown): VaeCut[] {
  const spec = qwenVae21Config(config);
  const dims = decoderDims(spec);
  return seamsOf(dims.length).map((seam) => {
    const scale = 2 ** (dims.length - 1 - seam);
    const convolutions = dims.slice(seam).map(() => 2 * (spec.num_res_blocks + 1));
    // Between levels there are an enlarged picture, what is made of it, and the way past; the attention has its inputs twice.
    const trunk = (seam === 0 ? 8 * dims[0]! : 3 * dims[seam - 1]!) / scale ** 2;
    return {
      ...{ seam, colours: spec.out_channels, up: 2 ** seam, scale, channels: channelsAt(spec, seam) },
      ...{ reach: reachOf(convolutions), floats: { trunk, tail: 3 * dims.at(-2)! } },
    };
  });
}

function decoderDims({ dim_mult, decoder_base_dim: base }: QwenVae21Config): number[] {
  return dim_mult.map((times) => times * base).reverse();
}

/** Channels of what a level is given. */
function channelsAt(spec: QwenVae21Config, level: number): number {
  return decoderDims(spec)[Math.max(0, level - 1)]!;
}

function trunk(root: Scope, spec: QwenVae21Config): Value {
  const { z_dim: latent } = spec;
  const [scope, channels] = [root.in("decoder"), channelsAt(spec, 0)];
  const input = root.graph.input("latent_sample", "float32", [1, latent, "height", "width"]);
  const mixed = conv(root.in("post_quant_conv"), input, { inChannels: latent, outChannels: latent, kernel: 1 });
  const x = conv(scope.in("conv_in"), mixed, { inChannels: latent, outChannels: channels });
  return middle(scope.in("mid_block"), x, channels, conv);
}

function levels(root: Scope, rows: Value, spec: QwenVae21Config, [from, end]: readonly [number, number]): Value {
  const { graph } = root;
  const dims = decoderDims(spec);
  const films = spec.temperal_downsample.toReversed();
  let [x, channels] = [rows, channelsAt(spec, from)];
  for (let i = from; i < end; i++) {
    const [block, to] = [root.in("decoder.up_blocks", i), dims[i]!];
    const [before, inChannels] = [x, channels];
    for (let j = 0; j <= spec.num_res_blocks; j++) {
      x = residual(block.in("resnets", j), x, channels, to, conv);
      channels = to;
    }
    if (i === dims.length - 1) continue;
    const grown = conv(block.in("upsampler.resample.1"), nearestTwice(graph, x), { inChannels: to, outChannels: to });
    x = graph.node("Add", [grown, spread(graph, before, { inChannels, outChannels: to, moments: films[i] ? 2 : 1 })]);
  }
  return x;
}

function finished(root: Scope, x: Value, spec: QwenVae21Config): NetworkGraph {
  const { graph } = root;
  const [channels, outChannels] = [decoderDims(spec).at(-1)!, spec.out_channels];
  const normed = active(root.in("decoder.norm_out"), x, channels);
  const sample = conv(root.in("decoder.conv_out"), normed, { inChannels: channels, outChannels });
  graph.output(sample, "sample", "float32", [1, outChannels, "image_height", "image_width"]);
  return networkGraph(graph);
}

/**
 * The encoder: `sample` `[1, in_channels, f·height, f·width]` in −1 to 1 to `moments` `[1, 2·z_dim, height, width]`, the means and then the logarithms of
 * the variances of the latents.
 */
export function buildQwenVae21Encoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = qwenVae21Config(config);
  const graph = new GraphBuilder("AutoencoderKLQwenImage21 encoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("encoder");
  const { in_channels: inChannels } = spec;
  const dims = spec.dim_mult.map((times) => times * spec.base_dim);
  const moments = 2 * spec.z_dim;

  const input = graph.input("sample", "float32", [1, inChannels, "image_height", "image_width"]);
  let channels = spec.base_dim;
  let x = conv(scope.in("conv_in"), input, { inChannels, outChannels: channels });
  for (const [i, to] of dims.entries()) {
    const block = scope.in("down_blocks", i);
    const [before, from, halves] = [x, channels, i < dims.length - 1];
    for (let j = 0; j < spec.num_res_blocks; j++) {
      x = residual(block.in("resnets", j), x, channels, to, conv);
      channels = to;
    }
    const halved = { inChannels: to, outChannels: to, stride: 2, padding: [0, 0, 1, 1] as const };
    if (halves) x = conv(block.in("downsampler.resample.1"), x, halved);
    const sizes = { inChannels: from, outChannels: to, moments: halves && spec.temperal_downsample[i] ? 2 : 1 };
    x = graph.node("Add", [x, gathered(graph, before, sizes, halves)]);
  }
  x = middle(scope.in("mid_block"), x, channels, conv);
  const latent = conv(scope.in("conv_out"), active(scope.in("norm_out"), x, channels), {
    inChannels: channels,
    outChannels: moments,
  });
  const output = conv(root.in("quant_conv"), latent, { inChannels: moments, outChannels: moments, kernel: 1 });
  graph.output(output, "moments", "float32", [1, moments, "height", "width"]);
  return networkGraph(graph);
}

/** A way past a block: channels in and out, and how many moments of a film it would join or part, of which a picture is the last. */
interface Past {
  inChannels: number;
  outChannels: number;
  moments: number;
}

/** The way past a block that enlarges: channels are repeated, and dealt out to moments and to the four squares that each square becomes. */
function spread(graph: GraphBuilder, x: Value, { inChannels, outChannels, moments }: Past): Value {
  const repeats = whole((outChannels * moments * 4) / inChannels);
  const squares = Array.from({ length: outChannels * 4 }, (_, i) => {
    const at = Math.floor(i / 4) * moments * 4 + (moments - 1) * 4 + (i % 4);
    return Math.floor(at / repeats);
  });
  const dealt = graph.node("Gather", [x, graph.ints(squares)], { attributes: { axis: { int: 1 } } });
  return graph.node("DepthToSpace", [dealt], { attributes: { blocksize: { int: 2 }, mode: { string: "CRD" } } });
}

/** The way past a block that halves: means of four squares, and then of as many channels and moments as become one. Moments before a picture are zeros. */
function gathered(graph: GraphBuilder, x: Value, { inChannels, outChannels, moments }: Past, halves: boolean): Value {
  const together = whole((inChannels * moments) / outChannels);
  const even = halves ? meanOfFour(graph, x) : x;
  // One more channel, of zeros.
  const padded = moments === 1 ? even : graph.node("Pad", [even, graph.ints([0, 0, 0, 0, 0, 1, 0, 0])]);
  const parts = Array.from({ length: together }, (_, k) => {
    const channels = Array.from({ length: outChannels }, (__, o) => {
      const at = o * together + k;
      return at % moments === moments - 1 ? Math.floor(at / moments) : inChannels;
    });
    return graph.node("Gather", [padded, graph.ints(channels)], { attributes: { axis: { int: 1 } } });
  });
  const sum = parts.reduce((all, part) => graph.node("Add", [all, part]));
  return together === 1 ? sum : graph.node("Mul", [sum, graph.floats(1 / together)]);
}

/** Means of 2×2 squares. */
function meanOfFour(graph: GraphBuilder, x: Value): Value {
  const everySecond = (from: Value, first: number, axis: number) =>
    graph.node("Slice", [from, graph.ints([first]), graph.ints([2 ** 31 - 1]), graph.ints([axis]), graph.ints([2])]);
  const half = (from: Value, axis: number) =>
    graph.node("Add", [everySecond(from, 0, axis), everySecond(from, 1, axis)]);
  return graph.node("Mul", [half(half(x, 2), 3), graph.floats(0.25)]);
}

function whole(count: number): number {
  if (Number.isInteger(count)) return count;
  throw modelError("unsupported", "VAE: dim_mult: widths of levels that follow each other must divide each other", {
    option: "dim_mult",
  });
}
