import { conv } from "./conv.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import type { Scope } from "./scope.ts";

/**
 * Halves height and width with a 3×3 convolution of stride 2. Padding 0 means, as in diffusers, one row and one column
 * of zeros at the end only.
 */
export function downsample(scope: Scope, input: Value, channels: number, padding: number): Value {
  const pads = padding === 0 ? ([0, 0, 1, 1] as const) : padding;
  return conv(scope.in("conv"), input, { inChannels: channels, outChannels: channels, stride: 2, padding: pads });
}

const nearest = {
  mode: { string: "nearest" },
  coordinate_transformation_mode: { string: "asymmetric" },
  nearest_mode: { string: "floor" },
};

/** Doubles height and width by nearest neighbour. */
export function nearestTwice(graph: GraphBuilder, input: Value): Value {
  return nearestTimes(graph, input, 2);
}

/** Height and width so many times as large, by nearest neighbour. */
export function nearestTimes(graph: GraphBuilder, input: Value, times: number): Value {
  if (times === 1) return input;
  return graph.node("Resize", [input, undefined, graph.floats([1, 1, times, times], [4])], { attributes: nearest });
}

/** Doubles height and width (or brings them to those of `like`) by nearest neighbour, then a 3×3 convolution. */
export function upsample(scope: Scope, input: Value, channels: number, like?: Value): Value {
  const { graph } = scope;
  const resized =
    like === undefined
      ? nearestTwice(graph, input)
      : graph.node("Resize", [input, undefined, undefined, sizeOf(scope, input, like)], { attributes: nearest });
  return conv(scope.in("conv"), resized, { inChannels: channels, outChannels: channels });
}

/** Batch and channels of `input`, height and width of `like`. */
function sizeOf({ graph }: Scope, input: Value, like: Value): Value {
  const front = graph.node("Shape", [input], { attributes: { end: { int: 2 } } });
  const back = graph.node("Shape", [like], { attributes: { start: { int: 2 } } });
  return graph.node("Concat", [front, back], { attributes: { axis: { int: 0 } } });
}
