import type { DataType } from "./data-type.ts";
import type { Attribute, OnnxInitializer, OnnxModel, OnnxNode } from "./onnx-model.ts";

/** Attributes, domain and the output's name of an operator. */
export interface DraftNode {
  attributes?: Readonly<Record<string, Attribute>>;
  domain?: "" | "com.microsoft";
  /** A fresh name unless given. */
  output?: string;
}

/** A graph that is written anew from another one, operator by operator. */
export class Draft {
  readonly #model: OnnxModel;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: Map<string, OnnxInitializer>;
  readonly #made = new Map<string, string>();
  #count = 0;

  constructor(model: OnnxModel) {
    this.#model = model;
    this.#initializers = new Map(model.initializers.map((each) => [each.name, each]));
  }

  initializer(name: string | undefined): OnnxInitializer | undefined {
    return this.#initializers.get(name ?? "");
  }

  /** Adds or replaces a constant. */
  set(initializer: OnnxInitializer): string {
    this.#initializers.set(initializer.name, initializer);
    return initializer.name;
  }

  /** Takes an operator as it is. */
  keep(node: OnnxNode): void {
    this.#nodes.push(node);
  }

  /** Adds an operator and gives the name of its output. */
  node(op: string, inputs: readonly string[], { attributes = {}, domain = "", output }: DraftNode = {}): string {
    const name = output ?? this.#fresh(op);
    this.#nodes.push({ op, domain, inputs, outputs: [name], attributes });
    return name;
  }

  /** What `make` makes, made once under its key. */
  once(key: string, make: () => string): string {
    const known = this.#made.get(key) ?? make();
    this.#made.set(key, known);
    return known;
  }

  /** An int64 constant: a list has one dimension, a number none. */
  ints(values: readonly number[] | number): string {
    const list = [values].flat();
    const data = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
    return this.#constant("int64", `${JSON.stringify(values)}`, data, Array.isArray(values) ? [list.length] : []);
  }

  /** A float32 scalar. */
  float(value: number): string {
    return this.#constant("float32", String(value), new Uint8Array(Float32Array.of(value).buffer), []);
  }

  /** The new graph; operators and constants that nothing uses any more are left out. */
  finish(): OnnxModel {
    const used = new Set(this.#model.outputs.map(({ name }) => name));
    const nodes: OnnxNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((output) => used.has(output))) continue;
      nodes.push(node);
      for (const input of node.inputs) used.add(input);
    }
    const initializers = [...this.#initializers.values()].filter(({ name }) => used.has(name));
    return { ...this.#model, nodes: nodes.toReversed(), initializers };
  }

  #constant(type: DataType, text: string, data: Uint8Array, dims: readonly number[]): string {
    return this.once(`${type} ${text}`, () => this.set({ name: this.#fresh(`${type}`), type, dims, data }));
  }

  #fresh(op: string): string {
    // No name of a GraphBuilder's has a colon at its start.
    return `:${op}_${this.#count++}`;
  }
}
