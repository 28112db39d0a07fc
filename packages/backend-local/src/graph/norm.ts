import type { GraphBuilder, Value } from "./graph-builder.ts";
import type { Scope } from "./scope.ts";

/** Sizes of a group normalisation. */
export interface GroupNormOptions {
  channels: number;
  groups: number;
  epsilon: number;
}

/**
 * Group normalisation (Wu & He 2018) of `[batch, channels, …]`: each group is an instance, normalised by the
 * runtime's InstanceNormalization, then scaled and shifted by channel.
 */
export function groupNorm(scope: Scope, input: Value, { channels, groups, epsilon }: GroupNormOptions): Value {
  const { graph } = scope;
  const grouped = graph.node("Reshape", [input, graph.ints([0, groups, -1])]);
  const ones = graph.floats(new Array<number>(groups).fill(1), [groups]);
  const zeros = graph.floats(new Array<number>(groups).fill(0), [groups]);
  const attributes = { epsilon: { float: epsilon } };
  const normal = graph.node("InstanceNormalization", [grouped, ones, zeros], { attributes });
  const restored = graph.node("Reshape", [normal, graph.node("Shape", [input])]);
  const scaled = graph.node("Mul", [restored, scope.weight("weight", [channels], { as: [channels, 1, 1] })]);
  return graph.node("Add", [scaled, scope.weight("bias", [channels], { as: [channels, 1, 1] })]);
}

/** Layer normalisation over the last dimension, of size `features`. */
export function layerNorm(scope: Scope, input: Value, features: number, epsilon = 1e-5): Value {
  const inputs = [input, scope.weight("weight", [features]), scope.weight("bias", [features])];
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return scope.graph.node("LayerNormalization", inputs, { attributes });
}

/** Layer normalisation without weights of its own: `scale` and `shift`, `[features]`, come from elsewhere (adaptive norms). */
export function modulatedLayerNorm(
  graph: GraphBuilder,
  input: Value,
  { features, epsilon, scale, shift }: { features: number; epsilon: number; scale?: Value; shift?: Value },
): Value {
  const ones = scale ?? graph.floats(new Array<number>(features).fill(1), [features]);
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return graph.node("LayerNormalization", [input, ones, ...(shift === undefined ? [] : [shift])], { attributes });
}

/** Root mean square normalisation (Zhang & Sennrich 2019) over the last dimension, its weight times `scale` `[features]`. */
export function rmsNorm(scope: Scope, input: Value, features: number, epsilon: number, scale?: Value): Value {
  const { graph } = scope;
  const own = scope.weight("weight", [features]);
  const weight = scale === undefined ? own : graph.node("Mul", [own, scale]);
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return graph.node("RMSNormalization", [input, weight], { attributes });
}

/** {@link rmsNorm} whose stored weight is what is added to 1. */
export function centredRmsNorm(scope: Scope, input: Value, features: number, epsilon: number, scale?: Value): Value {
  const { graph } = scope;
  const own = graph.node("Add", [scope.weight("weight", [features]), graph.floats(1)]);
  const weight = scale === undefined ? own : graph.node("Mul", [own, scale]);
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return graph.node("RMSNormalization", [input, weight], { attributes });
}

/** {@link rmsNorm} (or what `norm` does) of each head by itself: `[batch, tokens, heads·headSize]`. */
export function headNorm(
  scope: Scope,
  input: Value,
  { heads, headSize, epsilon }: { heads: number; headSize: number; epsilon: number },
  norm: typeof rmsNorm = rmsNorm,
): Value {
  const { graph } = scope;
  const apart = graph.node("Reshape", [input, graph.ints([0, 0, heads, headSize])]);
  return graph.node("Reshape", [norm(scope, apart, headSize, epsilon), graph.ints([0, 0, heads * headSize])]);
}
