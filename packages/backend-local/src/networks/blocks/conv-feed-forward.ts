import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import type { Value } from "../../graph/graph-builder.ts";
import type { Scope } from "../../graph/scope.ts";

/**
 * Mix-FFN (Xie et al. 2021, https://arxiv.org/abs/2105.15203) with a gate, as Sana and its VAE have it: a picture `[1, channels, height, width]` is made wide, each of its
 * channels convolved by itself, and one half gated by the other.
 */
export function convFeedForward(
  scope: Scope,
  x: Value,
  { channels, inner }: { channels: number; inner: number },
): Value {
  const { graph } = scope;
  const wide = conv(scope.in("conv_inverted"), x, { inChannels: channels, outChannels: 2 * inner, kernel: 1 });
  const each = conv(scope.in("conv_depth"), activate(graph, "silu", wide), {
    ...{ inChannels: 2 * inner, outChannels: 2 * inner, groups: 2 * inner },
  });
  const half = (from: number, to: number) =>
    graph.node("Slice", [each, graph.ints([from]), graph.ints([to]), graph.ints([1])]);
  const gated = graph.node("Mul", [half(0, inner), activate(graph, "silu", half(inner, 2 * inner))]);
  return conv(scope.in("conv_point"), gated, { inChannels: inner, outChannels: channels, kernel: 1, bias: false });
}
