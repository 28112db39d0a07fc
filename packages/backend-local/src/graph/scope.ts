import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import type { Weights } from "../files/weights.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";

/** A linear layer or convolution as it is being built: what an adapter (LoRA) needs to add its own branch. */
export interface LayerCall {
  kind: "linear" | "conv";
  /** Name of the layer, which is its weight's without `.weight`. */
  name: string;
  input: Value;
  output: Value;
  /** The layer's weight, as stored. */
  weight: WeightTensor;
  /** The range of output features (the weight's rows) that this call makes. */
  rows: readonly [from: number, to: number];
  /** Attributes of a convolution, which its adapter's own convolution repeats. */
  stride?: number;
  padding?: readonly [top: number, left: number, bottom: number, right: number];
}

/** Called after each layer with weights; gives the value to use in place of `call.output`. */
export type LayerAdapter = (graph: GraphBuilder, call: LayerCall) => Value;

/** How a tensor is read from the files. */
export interface WeightView {
  /** Shape to give it in the graph, where that differs from the stored one. */
  as?: readonly number[];
  /** The range of its first dimension to take. */
  rows?: readonly [from: number, to: number];
}

/** A place in a network: the graph being built, the weights, and the prefix of the names of this module's tensors. */
export class Scope {
  readonly graph: GraphBuilder;
  readonly path: string;
  readonly #weights: Weights;
  readonly #adapter: LayerAdapter | undefined;

  constructor(graph: GraphBuilder, weights: Weights, adapter?: LayerAdapter, path = "") {
    this.graph = graph;
    this.#weights = weights;
    this.#adapter = adapter;
    this.path = path;
  }

  /** The scope of a submodule, such as `"attn1.to_q"`. */
  in(...names: readonly (string | number)[]): Scope {
    const path = [this.path, ...names].filter((name) => name !== "").join(".");
    return new Scope(this.graph, this.#weights, this.#adapter, path);
  }

  /** The first of these submodules that the files have (by its weight), else the first. Older files name some differently. */
  inFirst(...names: readonly [string, ...string[]]): Scope {
    return this.in(names.find((name) => this.in(name).has("weight")) ?? names[0]);
  }

  /** Whether the files hold this module's tensor of that name. */
  has(name: string): boolean {
    return this.#weights.find(this.#full(name)) !== undefined;
  }

  /**
   * This module's tensor `name`, which must have the shape that the configuration implies. Trailing dimensions of 1 do
   * not count: a 1×1 convolution and a linear layer hold the same numbers.
   *
   * @throws {@link ModelError} naming the tensor, when it is missing or its shape differs.
   */
  tensor(name: string, shape: readonly number[]): WeightTensor {
    const full = this.#full(name);
    const tensor = this.#weights.find(full, shape);
    const file = this.#weights.source;
    if (tensor === undefined) {
      throw modelError("missing", `${file}: the tensor ${full} [${shape.join(", ")}] is missing`, {
        file,
        tensor: full,
      });
    }
    if (!sameShape(tensor.shape, shape)) {
      const message = `${file}: ${full} has the shape [${tensor.shape.join(", ")}]; the configuration needs [${shape.join(", ")}]`;
      throw modelError("shape", message, { file, tensor: full });
    }
    return tensor;
  }

  /** {@link tensor} as a value of the graph. */
  weight(name: string, shape: readonly number[], view: WeightView = {}): Value {
    return this.graph.weight(this.tensor(name, shape), view.as ?? shape, view.rows);
  }

  /** The rows of this module's embedding table `[rows, size]` that `ids` name. */
  lookup(ids: Value, rows: number, size: number): Value {
    return this.graph.lookup(this.tensor("weight", [rows, size]), ids);
  }

  /** Lets the adapter, where there is one, add to a layer's output. */
  adapt(call: Omit<LayerCall, "name">): Value {
    return this.#adapter ? this.#adapter(this.graph, { ...call, name: this.path }) : call.output;
  }

  #full(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const trim = (shape: readonly number[]) => shape.slice(0, 1 + shape.findLastIndex((size) => size !== 1));
  const [x, y] = [trim(a), trim(b)];
  return x.length === y.length && x.every((size, i) => size === y[i]);
}
