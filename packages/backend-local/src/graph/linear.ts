import type { WeightTensor } from "../files/safetensors.ts";
import { blockLayout } from "./block-product.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import { int8Product, int8Weight } from "./int8-product.ts";
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
  const tensor = scope.tensor("weight", shape);
  // Rotating what is multiplied is cheaper than turning the weight back.
  const x = tensor.rotation === undefined ? input : rotated(graph, input, tensor.rotation);
  const product = multiplied(graph, x, tensor, { rows, inFeatures });
  const output = bias
    ? graph.node("Add", [product, scope.weight("bias", [outFeatures], { ...view, as: [size] })])
    : product;
  return scope.adapt({ kind: "linear", input, output, weight: tensor, rows });
}

function multiplied(
  graph: GraphBuilder,
  x: Value,
  tensor: WeightTensor,
  { rows, inFeatures }: Required<Pick<LinearOptions, "rows" | "inFeatures">>,
): Value {
  const { rotation, ...plain } = tensor;
  if (plain.product === "int8" && plain.scale !== undefined)
    return int8Product(graph, x, int8Weight(graph, { ...plain, scale: plain.scale }, rows));
  const size = rows[1] - rows[0];
  const weight = graph.weight(plain, [size, inFeatures], size === tensor.shape[0] ? undefined : rows);
  const product = graph.node("FusedMatMul", [x, weight], {
    domain: "com.microsoft",
    attributes: { transB: { int: 1 } },
  });
  if (plain.product === "blocks") graph.mayBe(product, blockLayout(graph, x, plain, rows));
  return product;
}
