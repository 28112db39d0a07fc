import { parse, sep } from "node:path";
import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import type { DataType } from "./data-type.ts";
import type { Layout, LayoutBuilder } from "./layout.ts";
import {
  type Attribute,
  encodeModel,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type Port,
} from "./onnx-model.ts";
import { readyRows, readyWeight } from "./ready-weight.ts";

/** A value in the graph, by name. Only a {@link GraphBuilder} makes one. */
export type Value = string & { readonly graphValue: true };

/** Attributes and domain of a node. */
export interface NodeOptions {
  attributes?: Readonly<Record<string, Attribute>>;
  /** Operator domain: ONNX's own unless given. */
  domain?: "" | "com.microsoft";
}

/** A stretch of a tensor's bytes, and what they are to be in the graph. */
export interface StoredPart {
  tensor: WeightTensor;
  type: DataType;
  dims: readonly number[];
  /** In bytes from the tensor's first. */
  from: number;
  length: number;
}

/** Adds an operator and gives its first output. */
export type AddNode = (op: string, inputs: readonly (Value | undefined)[], options?: NodeOptions) => Value;

/** A graph whose first nodes make weights ready. */
export interface BuiltModel extends OnnxModel {
  /** How many. They look at nothing that is fed. */
  readonly prepared: number;
  /** Other ways to products, by the name of what these make. */
  readonly layouts?: ReadonlyMap<string, Layout>;
  /** The folder that external data is relative to. */
  readonly root: string;
}

const opsets = { "": 23, "com.microsoft": 1 };

/**
 * Builds an ONNX graph node by node. Weights stay where they are: an initializer points at the stretch of the
 * file that holds the tensor, and one stored in fewer bits is made float32 when it is used.
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #prepared: OnnxNode[] = [];
  readonly #made = new Map<string, Value>();
  readonly #initializers = new Map<string, OnnxInitializer>();
  readonly #layouts = new Map<string, Layout>();
  readonly #inputs: Port[] = [];
  readonly #outputs: Port[] = [];
  #root: string | undefined;
  #count = 0;
  /** Whether weights are to be laid out for their products when the graph is loaded, in memory of its own. */
  packs = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** The graph's inputs, in order. */
  get inputs(): readonly Port[] {
    return this.#inputs;
  }

  /** The graph's outputs, in order. */
  get outputs(): readonly Port[] {
    return this.#outputs;
  }

  /** The folder that external data is relative to: the file system's root (a drive's on Windows). */
  get root(): string {
    return this.#root ?? sep;
  }

  /** Whether any weight is stored in fewer bits than float32. */
  get casts(): boolean {
    return this.#prepared.length > 0;
  }

  /** Declares an input. A dimension named by a string is free. */
  input(name: string, type: DataType, dims: readonly (number | string)[]): Value {
    this.#inputs.push({ name, type, dims });
    return name as Value;
  }

  /** Makes `value` an output called `name`. */
  output(value: Value, name: string, type: DataType, dims: readonly (number | string)[]): void {
    this.#nodes.push({ op: "Identity", domain: "", inputs: [value], outputs: [name], attributes: {} });
    this.#outputs.push({ name, type, dims });
  }

  /** Adds an operator and gives its first output. An optional input that is left out is `undefined`. */
  node(op: string, inputs: readonly (Value | undefined)[], options: NodeOptions = {}): Value {
    return this.#add(this.#nodes, op, inputs, options);
  }

  /** Adds an operator that makes a weight ready. It looks at nothing that is fed. */
  prepare(op: string, inputs: readonly (Value | undefined)[], options: NodeOptions = {}): Value {
    return this.#add(this.#prepared, op, inputs, options);
  }

  /** Begins another way to a product with rows of a tensor. */
  layout(tensor: WeightTensor): LayoutBuilder {
    const nodes: OnnxNode[] = [];
    const weights: Port[] = [];
    return {
      node: (op, inputs, options = {}) => this.#add(nodes, op, inputs, options),
      weight: (type, dims) => {
        const name = this.#fresh("LaidOut");
        weights.push({ name, type, dims });
        return name;
      },
      finish: () => ({ tensor, weights, nodes }),
    };
  }

  /** Says of a product that it may be computed so, too. */
  mayBe(product: Value, layout: Layout): void {
    this.#layouts.set(product, layout);
    this.packs = true;
  }

  /** What `make` makes, made once under its key. */
  once(key: string, make: () => Value): Value {
    const value = this.#made.get(key) ?? make();
    this.#made.set(key, value);
    return value;
  }

  /** A float32 constant. No `dims` means a scalar. */
  floats(values: Float32Array | readonly number[] | number, dims: readonly number[] = []): Value {
    return this.#constant("float32", Float32Array.from(typeof values === "number" ? [values] : values), dims);
  }

  /** An int64 constant: a list has one dimension, a number none. */
  ints(values: readonly number[] | number): Value {
    const data = BigInt64Array.from([values].flat(), BigInt);
    return this.#constant("int64", data, Array.isArray(values) ? [data.length] : []);
  }

  /** An int32 scalar. */
  int32(value: number): Value {
    return this.#constant("int32", Int32Array.of(value), []);
  }

  /** A uint8 constant: without `dims` a list has one dimension, a number none. */
  bytes(values: readonly number[] | number, dims?: readonly number[]): Value {
    const data = Uint8Array.from([values].flat());
    return this.#constant("uint8", data, dims ?? (Array.isArray(values) ? [data.length] : []));
  }

  /** An int8 constant. */
  signedBytes(values: readonly number[], dims: readonly number[]): Value {
    return this.#constant("int8", Int8Array.from(values), dims);
  }

  /** A stretch of a tensor's bytes as a constant of any type and shape that they fill. */
  stored({ tensor, type, dims, from, length }: StoredPart): Value {
    const { file, name: tensorName, offset } = tensor;
    const name = `${tensorName}[${from}:${from + length}](${type} ${dims.join("x")})`;
    if (!this.#initializers.has(name)) {
      const data = { location: this.#location(file), offset: offset + from, length };
      this.#initializers.set(name, { name, type, dims, data });
    }
    return name as Value;
  }

  /**
   * A tensor of a file as a float32 value of shape `dims`, which has the same number of elements (or, with
   * `rows`, those of that range of its first dimension).
   */
  weight(tensor: WeightTensor, dims: readonly number[], rows?: readonly [from: number, to: number]): Value {
    if (tensor.transposed) {
      const { transposed, ...asStored } = tensor;
      return this.node("Transpose", [
        this.weight({ ...asStored, shape: tensor.shape.toReversed() }, dims.toReversed()),
      ]);
    }
    const key = `${tensor.name}[${rows?.join(":") ?? ""}](${dims.join("x")}) rotated by ${tensor.rotation ?? 0}`;
    return this.once(key, () => readyWeight(this, tensor, dims, rows ?? [0, tensor.shape[0] ?? 1]));
  }

  /** The rows of an embedding table `[n, size]` that `ids` name, in float32: only those rows are made ready. */
  lookup(table: WeightTensor, ids: Value): Value {
    return readyRows(this, table, ids);
  }

  /** The graph as it was built. */
  built(): BuiltModel {
    return {
      name: this.#name,
      // What makes weights ready comes first: the runtime then schedules it beside its one consumer, and holds one weight at a time.
      nodes: [...this.#prepared, ...this.#nodes],
      prepared: this.#prepared.length,
      layouts: this.#layouts,
      root: this.root,
      initializers: [...this.#initializers.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
      opsets,
    };
  }

  /** The model as `onnx.ModelProto` bytes. */
  finish(): Uint8Array {
    return encodeModel(this.built());
  }

  #add(list: OnnxNode[], op: string, inputs: readonly (Value | undefined)[], options: NodeOptions): Value {
    const output = this.#fresh(op);
    list.push({
      op,
      domain: options.domain ?? "",
      inputs: inputs.map((input) => input ?? ""),
      outputs: [output],
      attributes: options.attributes ?? {},
    });
    return output;
  }

  #constant(
    type: DataType,
    data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array,
    dims: readonly number[],
  ): Value {
    const bytes = new Uint8Array(data.buffer);
    const name = `const ${type} ${Buffer.from(bytes).toString("base64")} [${dims.join(",")}]`;
    const short = name.length > 80 ? this.#fresh("const") : name;
    if (!this.#initializers.has(short)) this.#initializers.set(short, { name: short, type, dims, data: bytes });
    return short as Value;
  }

  #location(file: string): string {
    const { root } = parse(file);
    this.#root ??= root;
    if (root !== this.#root) {
      throw modelError("unsupported", `One network's weights lie on two drives: ${this.#root} and ${file}`, { file });
    }
    return locationOf(file);
  }

  #fresh(op: string): Value {
    return `${op}_${this.#count++}` as Value;
  }
}

/** A file as initializers name it: from the file system's root (a drive's on Windows). */
export function locationOf(file: string): string {
  return file.slice(parse(file).root.length).replaceAll(sep, "/");
}
