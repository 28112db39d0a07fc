import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { active, middle, residual } from "../blocks/wan-vae-blocks.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { qwenVaeConfig } from "./autoencoder-kl-qwen-image-config.ts";

/**
 * The decoder of Qwen-Image's VAE for single pictures, diffusers' AutoencoderKLQwenImage (after Wan 2.1's, https://arxiv.org/abs/2503.20314):
 * `latent_sample` `[1, z_dim, height, width]` to `sample` `[1, input_channels, f·height, f·width]` in about −1 to 1. It was made for films and looks back
 * in time alone: of each kernel only the last moment's slice sees a picture that is the first.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenVaeDecoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = qwenVaeConfig(config);
  const graph = new GraphBuilder("AutoencoderKLQwenImage decoder");
  const root = new Scope(graph, weights, options.adapter);
  const scope = root.in("decoder");
  const { z_dim: latent, num_res_blocks: count, input_channels: outChannels } = spec;
  const dims = spec.dim_mult.map((times) => times * spec.base_dim).reverse();

  const input = graph.input("latent_sample", "float32", [1, latent, "height", "width"]);
  const mixed = moment(root.in("post_quant_conv"), input, { inChannels: latent, outChannels: latent, kernel: 1 });
  let channels = dims[0]!;
  let x = moment(scope.in("conv_in"), mixed, { inChannels: latent, outChannels: channels });
  x = middle(scope.in("mid_block"), x, channels, moment);
  for (const [i, to] of dims.entries()) {
    const block = scope.in("up_blocks", i);
    for (let j = 0; j <= count; j++) {
      x = residual(block.in("resnets", j), x, channels, to, moment);
      channels = to;
    }
    if (i === dims.length - 1) continue;
    x = conv(block.in("upsamplers.0.resample.1"), nearestTwice(graph, x), { inChannels: to, outChannels: to / 2 });
    channels = to / 2;
  }
  const output = moment(scope.in("conv_out"), active(scope.in("norm_out"), x, channels), {
    inChannels: channels,
    outChannels,
  });
  graph.output(output, "sample", "float32", [1, outChannels, "image_height", "image_width"]);
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
