import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";

/** Which of a ControlNet's results is added after each block of a list, by its number; −1 where none is. */
export type ResidualPlaces = readonly number[];

/** Names of what a ControlNet adds to the blocks of a list: its outputs, and inputs of the transformer that it steers. */
export function residualNames(list: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `control.${list}.${i}`);
}

/** How many results there are of which each goes to the next so many blocks, as many as whole numbers allow: a ControlNet has fewer blocks than what it steers. */
export function spreadPlaces(results: number, blocks: number): ResidualPlaces {
  const each = Math.ceil(blocks / results);
  return Array.from({ length: blocks }, (_, i) => (results === 0 ? -1 : Math.floor(i / each)));
}

/**
 * Adds what ControlNets made to a block's output, `[1, tokens, width]`: inputs of that shape, or of one number, for none. Without `places` all stays as
 * it is.
 */
export function residualInputs(
  graph: GraphBuilder,
  list: string,
  places: ResidualPlaces = [],
): (x: Value, block: number) => Value {
  const inputs = residualNames(list, Math.max(0, ...places.map((place) => place + 1))).map((name) =>
    graph.input(
      name,
      "float32",
      ["a", "b", "c"].map((side) => `${name}.${side}`),
    ),
  );
  return (x, block) => {
    const input = inputs[places[block] ?? -1];
    return input === undefined ? x : graph.node("Add", [x, input]);
  };
}

/** Gives a ControlNet's results out, each times the input `scale` `[1]`. */
export function residualOutputs(graph: GraphBuilder, list: string, results: readonly Value[], scale: Value): void {
  for (const [i, name] of residualNames(list, results.length).entries()) {
    const scaled = graph.node("Mul", [results[i]!, scale]);
    graph.output(scaled, name, "float32", [1, `${list}_tokens`, `${list}_width`]);
  }
}
