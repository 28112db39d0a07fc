import type { WeightTensor } from "../files/safetensors.ts";
import type { DataType } from "./data-type.ts";
import type { AddNode, Value } from "./graph-builder.ts";
import type { OnnxNode, Port } from "./onnx-model.ts";

/** Another way to a product of a graph, for a runtime that may lay its weights out when it loads it. */
export interface Layout {
  /** Where the weights lie: the rows of a tensor that the product takes. */
  readonly tensor: WeightTensor;
  /** What is made of them: numbers, their scales, and what is added where the type has that. */
  readonly weights: readonly Port[];
  /** The product, in order: the last one makes it. */
  readonly nodes: readonly OnnxNode[];
}

/** Builds a {@link Layout}. */
export interface LayoutBuilder {
  /** Adds what computes. */
  readonly node: AddNode;
  /** Adds a weight. */
  weight(type: DataType, dims: readonly number[]): Value;
  /** What was added last makes the product. */
  finish(): Layout;
}

/** The size of a layout's weights. */
export function layoutBytes({ weights }: Layout): number {
  const count = (dims: Port["dims"]) => dims.reduce<number>((product, dim) => product * Number(dim), 1);
  return weights.reduce((sum, { type, dims }) => sum + count(dims) * (type === "uint8" ? 1 : 4), 0);
}
