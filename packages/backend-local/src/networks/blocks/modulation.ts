import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";

/** Sizes of a modulation. */
export interface ModulationOptions {
  inFeatures: number;
  features: number;
  bias?: boolean;
}

/**
 * Vectors `[features]` that adaptive norms and gates are made of (adaLN, Peebles & Xie 2023): consecutive parts of one linear layer's
 * output over a conditioning vector `[1, inFeatures]`, one for each of `names`.
 */
export function modulation<const Names extends readonly string[]>(
  scope: Scope,
  input: Value,
  names: Names,
  { inFeatures, features, bias = true }: ModulationOptions,
): Record<Names[number], Value> {
  const { graph } = scope;
  const outFeatures = names.length * features;
  const part = (i: number) => {
    const rows = [i * features, (i + 1) * features] as const;
    const vector = linear(scope, input, { inFeatures, outFeatures, bias, rows });
    return graph.node("Reshape", [vector, graph.ints([features])]);
  };
  return Object.fromEntries(names.map((name, i) => [name, part(i)])) as Record<Names[number], Value>;
}

/**
 * Scale and shift of a last norm. diffusers keeps them in this order in a layer `linear`; the original files in the other, which are found here under
 * the name `shift_first`.
 */
export function lastModulation(scope: Scope, input: Value, sizes: ModulationOptions): Record<"scale" | "shift", Value> {
  const original = scope.in("shift_first");
  return original.has("weight")
    ? modulation(original, input, ["shift", "scale"], sizes)
    : modulation(scope.in("linear"), input, ["scale", "shift"], sizes);
}

/** A vector `[width]` that all blocks share, and a row of a module's own table (PixArt's adaLN-single, Chen et al. 2023). */
export function withTable(scope: Scope, shared: Value, row: number, rows: number, width: number): Value {
  const own = scope.weight("scale_shift_table", [rows, width], { as: [width], rows: [row, row + 1] });
  return scope.graph.node("Add", [shared, own]);
}

/** `1 + x`. */
export function onePlus(graph: GraphBuilder, x: Value): Value {
  return graph.node("Add", [x, graph.floats(1)]);
}

/** `x + gate·branch`. */
export function addGated(graph: GraphBuilder, x: Value, gate: Value, branch: Value): Value {
  return graph.node("Add", [x, graph.node("Mul", [branch, gate])]);
}

/** Of two of each vector `[features]`, for each token `[1, tokens, features]` the one or, where `isOther` `[1, tokens, 1]`, the other. */
export function eachToken<Name extends string>(
  graph: GraphBuilder,
  isOther: Value,
  vectors: Readonly<Record<Name, Value>>,
  others: Readonly<Record<Name, Value>>,
): Record<Name, Value> {
  const names = Object.keys(vectors) as Name[];
  const chosen = names.map((name) => [name, graph.node("Where", [isOther, others[name], vectors[name]])] as const);
  return Object.fromEntries(chosen) as Record<Name, Value>;
}
