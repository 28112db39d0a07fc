import { type Activation, activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { groupNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";

/** What every residual block of a network shares. */
export interface ResnetStyle {
  groups: number;
  epsilon: number;
  activation: Activation;
  /** The sum is divided by it. Default 1. */
  scaleFactor?: number;
  /** The embedding of the timestep, `[batch or 1, channels]`, already activated. */
  time?: { value: Value; channels: number; scaleShift: boolean };
}

/** Residual block of diffusers' ResnetBlock2D: norm, act, conv, plus time, norm, act, conv, plus the (projected) input. */
export function resnetBlock2d(scope: Scope, input: Value, from: number, to: number, style: ResnetStyle): Value {
  const { graph } = scope;
  const { groups, epsilon, activation, scaleFactor = 1, time } = style;
  const normed = groupNorm(scope.in("norm1"), input, { channels: from, groups, epsilon });
  let x = conv(scope.in("conv1"), activate(graph, activation, normed), { inChannels: from, outChannels: to });

  if (time && !time.scaleShift) x = graph.node("Add", [x, timeProjection(scope, time, to)]);
  x = groupNorm(scope.in("norm2"), x, { channels: to, groups, epsilon });
  if (time?.scaleShift) {
    const scale = graph.node("Add", [timeProjection(scope, time, 2 * to, [0, to]), graph.floats(1)]);
    x = graph.node("Add", [graph.node("Mul", [x, scale]), timeProjection(scope, time, 2 * to, [to, 2 * to])]);
  }
  x = conv(scope.in("conv2"), activate(graph, activation, x), { inChannels: to, outChannels: to });

  const projection = { inChannels: from, outChannels: to, kernel: 1 };
  const shortcut = from === to ? input : conv(scope.in("conv_shortcut"), input, projection);
  const sum = graph.node("Add", [shortcut, x]);
  return scaleFactor === 1 ? sum : graph.node("Div", [sum, graph.floats(scaleFactor)]);
}

/** Rows of the time embedding's projection as `[batch or 1, channels, 1, 1]`. */
function timeProjection(
  scope: Scope,
  time: NonNullable<ResnetStyle["time"]>,
  channels: number,
  rows: readonly [number, number] = [0, channels],
): Value {
  const sizes = { inFeatures: time.channels, outFeatures: channels, rows };
  const projected = linear(scope.in("time_emb_proj"), time.value, sizes);
  return scope.graph.node("Unsqueeze", [projected, scope.graph.ints([2, 3])]);
}
