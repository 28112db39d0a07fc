import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type AutoencoderTinyConfig, autoencoderTinyConfig } from "./autoencoder-tiny-config.ts";

/**
 * The decoder of a tiny autoencoder (TAESD, https://github.com/madebyollin/taesd), diffusers' AutoencoderTiny:
 * `latent_sample` `[batch, latent_channels, height, width]`, as the denoising network has it, to `sample`
 * `[batch, out_channels, f·height, f·width]` in about −1 to 1, where f is 2 to the number of stages less one.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildTinyDecoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderTinyConfig(config);
  const graph = new GraphBuilder("AutoencoderTiny decoder");
  const scope = new Scope(graph, weights, options.adapter).in("decoder", "layers");
  const { decoder_block_out_channels: widths, num_decoder_blocks: counts, latent_channels: latent } = spec;
  const channels = widths[0]!;
  const input = graph.input("latent_sample", "float32", ["batch", latent, "height", "width"]);
  // Clamps softly to ±3.
  const tanh = graph.node("Tanh", [graph.node("Div", [input, graph.floats(3)])]);
  const clamped = graph.node("Mul", [tanh, graph.floats(3)]);
  let x = conv(scope.in(0), clamped, { inChannels: latent, outChannels: channels });
  x = activate(graph, spec.act_fn, x);
  let at = 2;
  for (const [stage, count] of counts.entries()) {
    const last = stage === counts.length - 1;
    for (let i = 0; i < count; i++) x = block(scope.in(at++), x, channels, spec);
    if (!last) x = nearestTwice(graph, x);
    at += last ? 0 : 1;
    const outChannels = last ? spec.out_channels : channels;
    x = conv(scope.in(at++), x, { inChannels: channels, outChannels, bias: last });
  }
  const output = graph.node("Sub", [graph.node("Mul", [x, graph.floats(2)]), graph.floats(1)]);
  graph.output(output, "sample", "float32", ["batch", spec.out_channels, "image_height", "image_width"]);
  return networkGraph(graph);
}

/**
 * The encoder: `sample` `[batch, in_channels, f·height, f·width]` in −1 to 1 to `latents`
 * `[batch, latent_channels, height, width]`, as the denoising network has them: nothing is drawn and nothing is scaled.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildTinyEncoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = autoencoderTinyConfig(config);
  const graph = new GraphBuilder("AutoencoderTiny encoder");
  const scope = new Scope(graph, weights, options.adapter).in("encoder", "layers");
  const { encoder_block_out_channels: widths, num_encoder_blocks: counts, in_channels: inChannels } = spec;
  const channels = widths[0]!;
  const input = graph.input("sample", "float32", ["batch", inChannels, "image_height", "image_width"]);
  let x = graph.node("Div", [graph.node("Add", [input, graph.floats(1)]), graph.floats(2)]);
  let at = 0;
  for (const [stage, count] of counts.entries()) {
    x =
      stage === 0
        ? conv(scope.in(at++), x, { inChannels, outChannels: channels })
        : conv(scope.in(at++), x, { inChannels: channels, outChannels: channels, stride: 2, bias: false });
    for (let i = 0; i < count; i++) x = block(scope.in(at++), x, channels, spec);
  }
  const output = conv(scope.in(at), x, { inChannels: channels, outChannels: spec.latent_channels });
  graph.output(output, "latents", "float32", ["batch", spec.latent_channels, "height", "width"]);
  return networkGraph(graph);
}

/** Three convolutions with activations between them, added to the input; then ReLU, whatever the activation is. */
function block(scope: Scope, input: Value, channels: number, spec: AutoencoderTinyConfig): Value {
  const { graph } = scope;
  const sizes = { inChannels: channels, outChannels: channels };
  const first = activate(graph, spec.act_fn, conv(scope.in("conv", 0), input, sizes));
  const second = activate(graph, spec.act_fn, conv(scope.in("conv", 2), first, sizes));
  const sum = graph.node("Add", [conv(scope.in("conv", 4), second, sizes), input]);
  return graph.node("Relu", [sum]);
}
