import type { DataType } from "./data-type.ts";
import type { AddNode, Value } from "./graph-builder.ts";
import type { OnnxNode } from "./onnx-model.ts";

/** Another way to a product of a graph, for a runtime that may lay its weights out when it loads it. */
export interface Layout {
  /** What computes the weights as they are to lie, of constants alone. */
  readonly prepared: readonly OnnxNode[];
  /** Those weights. */
  readonly weights: readonly { readonly value: string; readonly type: DataType }[];
  /** The product of them, in order: the last one makes it. */
  readonly nodes: readonly OnnxNode[];
  /** The weights' size, so laid out. */
  readonly bytes: number;
}

/** Builds a {@link Layout}. */
export interface LayoutBuilder {
  /** Adds what lays weights out. */
  readonly prepare: AddNode;
  /** Adds what computes with them. */
  readonly node: AddNode;
  /** Says of what was prepared that it is a weight. */
  weight(value: Value, type: DataType): Value;
  /** `product` is what was added last. */
  finish(product: Value, bytes: number): Layout;
}
