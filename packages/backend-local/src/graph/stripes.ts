import type { GraphBuilder, Value } from "./graph-builder.ts";
import type { Scope } from "./scope.ts";

/** The input `name`, a stripe of a picture `[rows, channels, width]`, as `[1, channels, rows, width]`. */
export function stripe(graph: GraphBuilder, name: string, channels: number): Value {
  const rows = graph.input(name, "float32", ["rows", channels, "width"]);
  const turned = graph.node("Transpose", [rows], { attributes: { perm: { ints: [1, 0, 2] } } });
  return graph.node("Unsqueeze", [turned, graph.ints([0])]);
}

/** Makes `[1, channels, rows, width]` the output `rows`, `[rows, channels, width]`. */
export function outputStripe(graph: GraphBuilder, x: Value, channels: number): void {
  const flat = graph.node("Squeeze", [x, graph.ints([0])]);
  const turned = graph.node("Transpose", [flat], { attributes: { perm: { ints: [1, 0, 2] } } });
  graph.output(turned, "rows", "float32", ["out_rows", channels, "out_width"]);
}

/** The rows that the inputs `name.from` and `name.to` bound. The others lacked a neighbour in their stripe. */
export function cropRows(graph: GraphBuilder, x: Value, name: string): Value {
  const [from, to] = [graph.input(`${name}.from`, "int64", [1]), graph.input(`${name}.to`, "int64", [1])];
  return graph.node("Slice", [x, from, to, graph.ints([2])]);
}

/** Outputs each channel's mean and the sum of its squared deviations from it: `mean` and `squares`, `[channels]`. */
export function outputMoments(graph: GraphBuilder, x: Value, channels: number): void {
  const attributes = { keepdims: { int: 1 } };
  const axes = graph.ints([0, 2, 3]);
  const mean = graph.node("ReduceMean", [x, axes], { attributes });
  const squares = graph.node("ReduceSumSquare", [graph.node("Sub", [x, mean]), axes], { attributes });
  const flat = graph.ints([-1]);
  graph.output(graph.node("Reshape", [mean, flat]), "mean", "float32", [channels]);
  graph.output(graph.node("Reshape", [squares, flat]), "squares", "float32", [channels]);
}

/**
 * Group normalisation by moments of the whole picture, the inputs `name.mean` and `name.rate` (one over the standard deviation),
 * `[channels]`: each channel's are its group's.
 */
export function normaliseBy(scope: Scope, x: Value, name: string, channels: number): Value {
  const { graph } = scope;
  const shape = graph.ints([channels, 1, 1]);
  const input = (end: string) => graph.node("Reshape", [graph.input(`${name}.${end}`, "float32", [channels]), shape]);
  const scale = graph.node("Mul", [input("rate"), scope.weight("weight", [channels], { as: [channels, 1, 1] })]);
  const shift = graph.node("Sub", [
    scope.weight("bias", [channels], { as: [channels, 1, 1] }),
    graph.node("Mul", [input("mean"), scale]),
  ]);
  return graph.node("Add", [graph.node("Mul", [x, scale]), shift]);
}
