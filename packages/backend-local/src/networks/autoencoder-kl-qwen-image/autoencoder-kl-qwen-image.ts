import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { cutDecoder } from "../blocks/cut-decoder.ts";
import { reachOf, seamsOf, type VaeCut } from "../blocks/vae-cut.ts";
import { active, middle, residual } from "../blocks/wan-vae-blocks.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type QwenVaeConfig, qwenVaeConfig } from "./autoencoder-kl-qwen-image-config.ts";

const decoder = cutDecoder<QwenVaeConfig>({
  ...{ name: "AutoencoderKLQwenImage decoder", parse: qwenVaeConfig, count: (spec) => spec.dim_mult.length },
  ...{ channelsAt, trunk, levels, finished },
});

/**
 * The decoder of Qwen-Image's VAE for single pictures, diffusers' AutoencoderKLQwenImage (after Wan 2.1's, https://arxiv.org/abs/2503.20314):
 * `latent_sample` `[1, z_dim, height, width]` to `sample` `[1, input_channels, f·height, f·width]` in about −1 to 1. It was made for films and looks back
 * in time alone: of each kernel only the last moment's slice sees a picture that is the first.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export const buildQwenVaeDecoder = decoder.whole;
/** Its levels below a seam, and attention of all places to each other: `latent_sample` to `rows` `[1, channels, rows_height, rows_width]`. */
export const buildQwenVaeTrunk = decoder.trunk;
/** Its levels from a seam on, in which no place looks far: `rows` `[1, channels, height, width]` to `sample`. */
export const buildQwenVaeTail = decoder.tail;

/** How it can be cut into bands, the quicker way first. */
export function qwenVaeCuts(config: unknown): VaeCut[] {
  const spec = qwenVaeConfig(config);
  const dims = decoderDims(spec);
  return seamsOf(dims.length).map((seam) => {
    const scale = 2 ** (dims.length - 1 - seam);
    const convolutions = dims.slice(seam).map(() => 2 * (spec.num_res_blocks + 1));
    // Between levels there are an enlarged picture and what half as many channels are made of it; the attention has its inputs twice.
    const trunk = (seam === 0 ? 8 * dims[0]! : 1.5 * dims[seam - 1]!) / scale ** 2;
    return {
      ...{ seam, colours: spec.input_channels, up: 2 ** seam, scale, channels: channelsAt(spec, seam) },
      ...{ reach: reachOf(convolutions), floats: { trunk, tail: 3 * spec.base_dim } },
    };
  });
}

function decoderDims({ dim_mult, base_dim }: QwenVaeConfig): number[] {
  return dim_mult.map((times) => times * base_dim).reverse();
}

/** Channels of what a level is given. */
function channelsAt(spec: QwenVaeConfig, level: number): number {
  const dims = decoderDims(spec);
  return level === 0 ? dims[0]! : dims[level - 1]! / 2;
}

function trunk(root: Scope, spec: QwenVaeConfig): Value {
  const { z_dim: latent } = spec;
  const [scope, channels] = [root.in("decoder"), channelsAt(spec, 0)];
  const input = root.graph.input("latent_sample", "float32", [1, latent, "height", "width"]);
  const mixed = moment(root.in("post_quant_conv"), input, { inChannels: latent, outChannels: latent, kernel: 1 });
  const x = moment(scope.in("conv_in"), mixed, { inChannels: latent, outChannels: channels });
  return middle(scope.in("mid_block"), x, channels, moment);
}

function levels(root: Scope, rows: Value, spec: QwenVaeConfig, [from, end]: readonly [number, number]): Value {
  const dims = decoderDims(spec);
  let [x, channels] = [rows, channelsAt(spec, from)];
  for (let i = from; i < end; i++) {
    const [block, to] = [root.in("decoder.up_blocks", i), dims[i]!];
    for (let j = 0; j <= spec.num_res_blocks; j++) {
      x = residual(block.in("resnets", j), x, channels, to, moment);
      channels = to;
    }
    if (i === dims.length - 1) continue;
    const enlarged = nearestTwice(root.graph, x);
    x = conv(block.in("upsamplers.0.resample.1"), enlarged, { inChannels: to, outChannels: to / 2 });
    channels = to / 2;
  }
  return x;
}

function finished(root: Scope, x: Value, spec: QwenVaeConfig): NetworkGraph {
  const { graph } = root;
  const [channels, outChannels] = [decoderDims(spec).at(-1)!, spec.input_channels];
  const normed = active(root.in("decoder.norm_out"), x, channels);
  const sample = moment(root.in("decoder.conv_out"), normed, { inChannels: channels, outChannels });
  graph.output(sample, "sample", "float32", [1, outChannels, "image_height", "image_width"]);
  return networkGraph(graph);
}

/**
 * The encoder: `sample` `[1, input_channels, f·height, f·width]` in −1 to 1 to `moments` `[1, 2·z_dim, height, width]`, the means and then the logarithms of
 * the variances of the latents.
 */
export function buildQwenVaeEncoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = qwenVaeConfig(config);
  const graph = new GraphBuilder("AutoencoderKLQwenImage encoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("encoder");
  const { input_channels: inChannels, num_res_blocks: count } = spec;
  const dims = spec.dim_mult.map((times) => times * spec.base_dim);
  const moments = 2 * spec.z_dim;

  const input = graph.input("sample", "float32", [1, inChannels, "image_height", "image_width"]);
  let channels = spec.base_dim;
  let x = moment(scope.in("conv_in"), input, { inChannels, outChannels: channels });
  let layer = 0;
  for (const [i, to] of dims.entries()) {
    for (let j = 0; j < count; j++) {
      x = residual(scope.in("down_blocks", layer++), x, channels, to, moment);
      channels = to;
    }
    if (i === dims.length - 1) continue;
    const halved = { inChannels: to, outChannels: to, stride: 2, padding: [0, 0, 1, 1] as const };
    x = conv(scope.in("down_blocks", layer++, "resample.1"), x, halved);
  }
  x = middle(scope.in("mid_block"), x, channels, moment);
  const latent = moment(scope.in("conv_out"), active(scope.in("norm_out"), x, channels), {
    inChannels: channels,
    outChannels: moments,
  });
  const output = moment(root.in("quant_conv"), latent, { inChannels: moments, outChannels: moments, kernel: 1 });
  graph.output(output, "moments", "float32", [1, moments, "height", "width"]);
  return networkGraph(graph);
}

/** A convolution over time and picture of the first moment: that of its kernel's last slice. */
function moment(
  scope: Scope,
  x: Value,
  { inChannels, outChannels, kernel = 3 }: { inChannels: number; outChannels: number; kernel?: 1 | 3 },
): Value {
  const { graph } = scope;
  const shape = [outChannels, inChannels, kernel, kernel, kernel];
  const whole = scope.weight("weight", shape);
  const last =
    kernel === 1 ? whole : graph.prepare("Slice", [whole, graph.ints([2]), graph.ints([3]), graph.ints([2])]);
  const weight = graph.prepare("Reshape", [last, graph.ints([outChannels, inChannels, kernel, kernel])]);
  const around = (kernel - 1) / 2;
  const attributes = {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [1, 1] },
    pads: { ints: [around, around, around, around] },
  };
  return graph.node("Conv", [x, weight, scope.weight("bias", [outChannels])], { attributes });
}
