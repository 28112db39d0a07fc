import type { GraphBuilder, Value } from "./graph-builder.ts";

/** A value in the shape of `like`, but for its last dimension, which is `size`. (A Concat of shapes is fused by onnxruntime, and wrongly where all are known.) */
export function withLastDimension(graph: GraphBuilder, value: Value, like: Value, size: number): Value {
  const shape = graph.node("ScatterElements", [graph.node("Shape", [like]), graph.ints([-1]), graph.ints([size])]);
  return graph.node("Reshape", [value, shape]);
}
