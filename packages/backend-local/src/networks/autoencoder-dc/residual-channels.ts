import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";

/** Each of a picture's channels so many times, one after the other. */
export function repeated(graph: GraphBuilder, x: Value, channels: number, times: number): Value {
  if (times === 1) return x;
  const [front, sides] = frontAndSides(graph, x);
  const shape = (...parts: number[]) => graph.node("Concat", [front, graph.ints(parts), sides], alongFirst);
  const many = graph.node("Expand", [graph.node("Reshape", [x, shape(channels, 1)]), graph.ints([1, 1, times, 1, 1])]);
  return graph.node("Reshape", [many, shape(channels * times)]);
}

/** The means of so many of a picture's channels each, `[1, channels, height, width]`. */
export function averaged(graph: GraphBuilder, x: Value, channels: number, of: number): Value {
  if (of === 1) return x;
  const [front, sides] = frontAndSides(graph, x);
  const apart = graph.node("Concat", [front, graph.ints([channels, of]), sides], alongFirst);
  const attributes = { keepdims: { int: 0 } };
  return graph.node("ReduceMean", [graph.node("Reshape", [x, apart]), graph.ints([2])], { attributes });
}

const alongFirst = { attributes: { axis: { int: 0 } } };

function frontAndSides(graph: GraphBuilder, x: Value): [front: Value, sides: Value] {
  return [graph.ints([1]), graph.node("Shape", [x], { attributes: { start: { int: 2 } } })];
}
