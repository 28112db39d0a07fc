import type { GraphBuilder, Value } from "./graph-builder.ts";

/** `[batch, channels, height, width]` → `[batch, height·width, channels]`. */
export function toTokens(graph: GraphBuilder, image: Value): Value {
  const flat = graph.node("Reshape", [image, graph.ints([0, 0, -1])]);
  return graph.node("Transpose", [flat], { attributes: { perm: { ints: [0, 2, 1] } } });
}

/** `[batch, height·width, channels]` → `[batch, channels, height, width]`, the shape of `like`. */
export function fromTokens(graph: GraphBuilder, tokens: Value, like: Value): Value {
  const flat = graph.node("Transpose", [tokens], { attributes: { perm: { ints: [0, 2, 1] } } });
  return graph.node("Reshape", [flat, graph.node("Shape", [like])]);
}
