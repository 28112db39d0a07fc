import type { Value } from "../../graph/graph-builder.ts";
import type { Scope } from "../../graph/scope.ts";

/** The rows that `places`, an input int32 `[image_tokens]`, names of a stored table of positions `pos_embed`, the largest picture's. */
export function placesOfLargest(scope: Scope, count: number, width: number): Value {
  const { graph } = scope;
  const ids = graph.input("places", "int32", ["image_tokens"]);
  const table = scope.tensor("pos_embed", [1, count, width]);
  return graph.lookup({ ...table, shape: [count, width] }, ids);
}
