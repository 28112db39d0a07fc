import type { Value } from "./graph-builder.ts";
import { rotated } from "./rotation.ts";
import type { Scope } from "./scope.ts";

/** Sizes of a linear layer. */
export interface LinearOptions {
  inFeatures: number;
  outFeatures: number;
  /** Whether it adds a bias. Default true. */
  bias?: boolean;
  /** Computes only this range of the output features. */
  rows?: readonly [from: number, to: number];
}

/**
 * `x·Wᵀ + b` over the last dimension, with W `[outFeatures, inFeatures]` used in place: FusedMatMul transposes as it
 * multiplies, where MatMul + Transpose would be folded into a copy. Other precisions replace this one function.
 */
export function linear(scope: Scope, input: Value, options: LinearOptions): Value {
  const { inFeatures, outFeatures, bias = true, rows = [0, outFeatures] } = options;
  const { graph } = scope;
  const shape = [outFeatures, inFeatures];
  const size = rows[1] - rows[0];
  const view = size === outFeatures ? {} : { rows };
  const { rotation, ...plain } = scope.tensor("weight", shape);
  const weight = graph.weight(plain, [size, inFeatures], view.rows);
  // Rotating what is multiplied is cheaper than turning the weight back.
  const x = rotation === undefined ? input : rotated(graph, input, rotation);
  const attributes = { transB: { int: 1 } };
  const product = graph.node("FusedMatMul", [x, weight], { domain: "com.microsoft", attributes });
  const output = bias
    ? graph.node("Add", [product, scope.weight("bias", [outFeatures], { ...view, as: [size] })])
    : product;
  return scope.adapt({ kind: "linear", input, output, weight: scope.tensor("weight", shape), rows });
}
