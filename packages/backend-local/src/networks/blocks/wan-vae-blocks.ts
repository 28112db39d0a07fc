import { activate } from "../../graph/activation.ts";
import { selfAttention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";
import { fromTokens, toTokens } from "../../graph/tokens.ts";

/** How a VAE after Wan's convolves a single picture: with a kernel of its own, or the last slice of one that was made for films. */
export type Convolve = (
  scope: Scope,
  x: Value,
  sizes: { inChannels: number; outChannels: number; kernel?: 1 | 3 },
) => Value;

/** Each place's channels divided by their root mean square, and scaled. */
function norm(scope: Scope, x: Value, channels: number): Value {
  const { graph } = scope;
  const attributes = { keepdims: { int: 1 } };
  const length = graph.node("ReduceL2", [x, graph.ints([1])], { attributes });
  const even = graph.node("Div", [x, graph.node("Clip", [length, graph.floats(1e-12)])]);
  const gamma = scope.weight("gamma", [channels, 1, 1], { as: [channels, 1, 1] });
  return graph.node("Mul", [even, graph.prepare("Mul", [gamma, graph.floats(Math.sqrt(channels))])]);
}

/** {@link norm} and a SiLU. */
export function active(scope: Scope, x: Value, channels: number): Value {
  return activate(scope.graph, "silu", norm(scope, x, channels));
}

/** A residual block: twice a norm, a SiLU and a convolution. */
export function residual(scope: Scope, x: Value, inChannels: number, outChannels: number, convolve: Convolve): Value {
  const { graph } = scope;
  const sizes = { inChannels, outChannels };
  const kept = inChannels === outChannels ? x : convolve(scope.in("conv_shortcut"), x, { ...sizes, kernel: 1 });
  const first = convolve(scope.in("conv1"), active(scope.in("norm1"), x, inChannels), sizes);
  const second = active(scope.in("norm2"), first, outChannels);
  return graph.node("Add", [convolve(scope.in("conv2"), second, { inChannels: outChannels, outChannels }), kept]);
}

/** What stands in the middle: attention between two residual blocks. */
export function middle(scope: Scope, x: Value, channels: number, convolve: Convolve): Value {
  const first = residual(scope.in("resnets", 0), x, channels, channels, convolve);
  return residual(
    scope.in("resnets", 1),
    attend(scope.in("attentions", 0), first, channels),
    channels,
    channels,
    convolve,
  );
}

/** Attention of all places to each other, with one head. */
function attend(scope: Scope, x: Value, channels: number): Value {
  const { graph } = scope;
  const tokens = toTokens(graph, norm(scope.in("norm"), x, channels));
  const part = (i: number) =>
    linear(scope.in("to_qkv"), tokens, {
      ...{ inFeatures: channels, outFeatures: 3 * channels },
      rows: [i * channels, (i + 1) * channels],
    });
  const attended = selfAttention(graph, { query: part(0), key: part(1), value: part(2) }, 1);
  const output = linear(scope.in("proj"), attended, { inFeatures: channels, outFeatures: channels });
  return graph.node("Add", [x, fromTokens(graph, output, x)]);
}
