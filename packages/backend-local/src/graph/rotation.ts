import { rotationMatrix } from "../files/rotate-columns.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";

/** `[…, columns]` with each group of `size` columns rotated. A `"weight"` is made ready, as what is fed is not looked at. */
export function rotated(graph: GraphBuilder, x: Value, size: number, role: "weight" | "input" = "input"): Value {
  return graph.once(`${x} rotated by ${size}`, () => {
    const node = role === "weight" ? graph.prepare.bind(graph) : graph.node.bind(graph);
    const matrix = graph.once(`rotation ${size}`, () => graph.floats(rotationMatrix(size), [size, size]));
    const turned = node("MatMul", [node("Reshape", [x, graph.ints([-1, size])]), matrix]);
    return node("Reshape", [turned, node("Shape", [x])]);
  });
}
