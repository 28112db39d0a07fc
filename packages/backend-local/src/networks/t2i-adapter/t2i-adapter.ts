import { z } from "zod";
import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { pixelUnshuffle } from "../../graph/pixel-shuffle.ts";
import { Scope } from "../../graph/scope.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { layers, maxBlocks, parseConfig, size } from "../parse-config.ts";

const schema = z.object({
  in_channels: size.default(3),
  channels: z.array(size).min(1).max(maxBlocks).default([320, 640, 1280, 1280]),
  num_res_blocks: layers.default(2),
  downscale_factor: z.int().min(1).max(64).default(8),
  adapter_type: z.enum(["full_adapter", "full_adapter_xl", "light_adapter"]).default("full_adapter"),
});

/** A T2IAdapter's checked configuration. */
export type T2IAdapterConfig = z.output<typeof schema>;

/** Checks a T2I-Adapter's config.json. @throws {@link ModelError} naming the option that is wrong or unsupported. */
export function t2iAdapterConfig(config: unknown): T2IAdapterConfig {
  return parseConfig(schema, config, "T2I-Adapter");
}

/** The channels of its features, one for each block of the UNet on its way down. */
export function featureChannels({ channels, adapter_type }: T2IAdapterConfig): readonly number[] {
  return adapter_type === "light_adapter" ? [...channels, channels.at(-1)!] : channels;
}

/** Names of a T2I-Adapter's outputs, which are inputs of the UNet that it steers. */
export function featureOutputs(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `feature.${i}`);
}

/**
 * A T2I-Adapter (Mou et al. 2023, https://arxiv.org/abs/2302.08453), as diffusers' T2IAdapter: run once for a picture.
 *
 * Input: `picture` `[1, channels, height, width]`, 0 to 1. Outputs: {@link featureOutputs}.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildT2IAdapter(config: unknown, weights: Weights): NetworkGraph {
  const spec = t2iAdapterConfig(config);
  const graph = new GraphBuilder("T2IAdapter");
  const all = new Scope(graph, weights);
  // diffusers' classes have all of it in a module; TencentARC's files have not.
  const root = all.in("adapter").has("body.0.resnets.0.block1.weight") ? all.in("adapter") : all;
  const { in_channels, channels, downscale_factor: factor, num_res_blocks: count, adapter_type: type } = spec;
  const picture = graph.input("picture", "float32", [1, in_channels, "height", "width"]);
  const inner = in_channels * factor ** 2;
  let x = pixelUnshuffle(graph, picture, in_channels, factor);
  if (type !== "light_adapter") x = conv(root.in("conv_in"), x, { inChannels: inner, outChannels: channels[0]! });
  const names = featureOutputs(featureChannels(spec).length);
  for (const [i, outChannels] of featureChannels(spec).entries()) {
    const scope = root.in("body", i);
    const before = i === 0 ? (type === "light_adapter" ? inner : channels[0]!) : featureChannels(spec)[i - 1]!;
    const halves = type === "full_adapter_xl" ? i === 2 : i > 0;
    if (halves) x = halved(graph, x);
    x =
      type === "light_adapter"
        ? lightBlock(scope, x, before, outChannels, count)
        : fullBlock(scope, x, before, outChannels, count);
    graph.output(x, names[i]!, "float32", [1, outChannels, `height_${i}`, `width_${i}`]);
  }
  return networkGraph(graph);
}

function halved(graph: GraphBuilder, x: Value): Value {
  const attributes = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] }, ceil_mode: { int: 1 } };
  return graph.node("AveragePool", [x], { attributes });
}

function fullBlock(scope: Scope, input: Value, from: number, to: number, count: number): Value {
  const first =
    from === to ? input : conv(scope.in("in_conv"), input, { inChannels: from, outChannels: to, kernel: 1 });
  return resnets(scope, first, to, count, 1);
}

function lightBlock(scope: Scope, input: Value, from: number, to: number, count: number): Value {
  const middle = Math.floor(to / 4);
  const first = conv(scope.in("in_conv"), input, { inChannels: from, outChannels: middle, kernel: 1 });
  const x = resnets(scope, first, middle, count, 3);
  return conv(scope.in("out_conv"), x, { inChannels: middle, outChannels: to, kernel: 1 });
}

function resnets(scope: Scope, input: Value, channels: number, count: number, kernel: number): Value {
  const { graph } = scope;
  const square = { inChannels: channels, outChannels: channels };
  let x = input;
  for (let i = 0; i < count; i++) {
    const own = scope.in("resnets", i);
    const middle = graph.node("Relu", [conv(own.in("block1"), x, square)]);
    x = graph.node("Add", [conv(own.in("block2"), middle, { ...square, kernel }), x]);
  }
  return x;
}
