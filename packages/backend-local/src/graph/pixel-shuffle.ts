import type { GraphBuilder, Value } from "./graph-builder.ts";

/** Each square of pixels of `[1, channels, height, width]` as channels, in torch's order: channel, row, column. */
export function pixelUnshuffle(graph: GraphBuilder, x: Value, channels: number, factor: number): Value {
  if (factor === 1) return x;
  const sides = (axis: number) => {
    const size = graph.node("Shape", [x], { attributes: { start: { int: axis }, end: { int: axis + 1 } } });
    return graph.node("Div", [size, graph.ints([factor])]);
  };
  const concat = (...parts: Value[]) => graph.node("Concat", parts, { attributes: { axis: { int: 0 } } });
  const [rows, columns] = [sides(2), sides(3)];
  const six = concat(graph.ints([1, channels]), rows, graph.ints([factor]), columns, graph.ints([factor]));
  const parted = graph.node("Reshape", [x, six]);
  const turned = graph.node("Transpose", [parted], { attributes: { perm: { ints: [0, 1, 3, 5, 2, 4] } } });
  return graph.node("Reshape", [turned, concat(graph.ints([1, channels * factor ** 2]), rows, columns)]);
}

/** The way back: channels as squares of pixels. */
export function pixelShuffle(graph: GraphBuilder, x: Value, factor: number): Value {
  if (factor === 1) return x;
  return graph.node("DepthToSpace", [x], { attributes: { blocksize: { int: factor }, mode: { string: "CRD" } } });
}
