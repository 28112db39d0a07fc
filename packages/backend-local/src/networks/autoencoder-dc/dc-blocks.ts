import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linearMix } from "../../graph/linear-attention.ts";
import type { Scope } from "../../graph/scope.ts";
import { convFeedForward } from "../blocks/conv-feed-forward.ts";
import type { Level } from "./autoencoder-dc-config.ts";

/** What every norm adds to a mean of squares. */
const epsilon = 1e-5;

/** Each place's channels of a picture divided by their root mean square, scaled and shifted. */
export function placeNorm(scope: Scope, x: Value, channels: number): Value {
  const { graph } = scope;
  const attributes = { keepdims: { int: 1 } };
  const squares = graph.node("ReduceSumSquare", [x, graph.ints([1])], { attributes });
  const mean = graph.node("Add", [graph.node("Mul", [squares, graph.floats(1 / channels)]), graph.floats(epsilon)]);
  const even = graph.node("Div", [x, graph.node("Sqrt", [mean])]);
  const own = (name: string) => scope.weight(name, [channels], { as: [channels, 1, 1] });
  return graph.node("Add", [graph.node("Mul", [even, own("weight")]), own("bias")]);
}

/** A level's block and how wide heads are. */
export type DCBlockOptions = Level & { headSize: number };

/** One block, in place: of two convolutions, or of EfficientViT (Cai et al. 2023, https://arxiv.org/abs/2205.14756). */
export function dcBlock(scope: Scope, x: Value, options: DCBlockOptions): Value {
  const { channels, attends, activation } = options;
  const { graph } = scope;
  if (attends) {
    const heeded = graph.node("Add", [attend(scope.in("attn"), x, options), x]);
    const fed = convFeedForward(scope.in("conv_out"), heeded, { channels, inner: 4 * channels });
    return graph.node("Add", [placeNorm(scope.in("conv_out.norm"), fed, channels), heeded]);
  }
  const sizes = { inChannels: channels, outChannels: channels };
  const first = activate(graph, activation, conv(scope.in("conv1"), x, sizes));
  const second = conv(scope.in("conv2"), first, { ...sizes, bias: false });
  return graph.node("Add", [placeNorm(scope.in("norm"), second, channels), x]);
}

/** Linear attention of all places to each other, of queries, keys and values of the places alone and of their surroundings. */
function attend(scope: Scope, x: Value, { channels, headSize, scales }: DCBlockOptions): Value {
  const { graph } = scope;
  const heads = channels / headSize;
  const along = (parts: readonly Value[]) =>
    parts.length === 1 ? parts[0]! : graph.node("Concat", parts, { attributes: { axis: { int: 1 } } });
  const project = (name: string) =>
    conv(scope.in(name), x, { inChannels: channels, outChannels: channels, kernel: 1, bias: false });
  const alone = along(["to_q", "to_k", "to_v"].map(project));
  const all = along([
    alone,
    ...scales.map((kernel, i) => around(scope.in("to_qkv_multiscale", i), alone, { channels, heads, kernel })),
  ]);
  const count = heads * (1 + scales.length);
  // Whatever they were made as: three stretches of channels beside each other are a head's query, key and value.
  const apart = graph.node("Reshape", [all, graph.ints([1, count, 3 * headSize, -1])]);
  const part = (i: number) =>
    graph.node("Slice", [apart, graph.ints([i * headSize]), graph.ints([(i + 1) * headSize]), graph.ints([2])]);
  const key = graph.node("Transpose", [part(1)], { attributes: { perm: { ints: [0, 1, 3, 2] } } });
  const mixed = linearMix(graph, { query: part(0), key, value: part(2) });
  const sides = graph.node("Shape", [x], { attributes: { start: { int: 2 } } });
  const shape = graph.node("Concat", [graph.ints([1, count * headSize]), sides], { attributes: { axis: { int: 0 } } });
  const sizes = { inChannels: count * headSize, outChannels: channels, kernel: 1, bias: false };
  const output = conv(scope.in("to_out"), graph.node("Reshape", [mixed, shape]), sizes);
  return placeNorm(scope.in("norm_out"), output, channels);
}

/** Queries, keys and values of the places' surroundings: channel by channel, then head by head. */
function around(
  scope: Scope,
  x: Value,
  { channels, heads, kernel }: { channels: number; heads: number; kernel: number },
): Value {
  const sizes = { inChannels: 3 * channels, outChannels: 3 * channels, bias: false };
  const seen = conv(scope.in("proj_in"), x, { ...sizes, kernel, groups: 3 * channels });
  return conv(scope.in("proj_out"), seen, { ...sizes, kernel: 1, groups: 3 * heads });
}
