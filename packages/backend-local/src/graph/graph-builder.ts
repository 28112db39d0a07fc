import { parse, sep } from "node:path";
import { modelError } from "../files/model-error.ts";
import type { SafetensorsDtype, WeightTensor } from "../files/safetensors.ts";
import { type DataType, dataTypeCodes } from "./data-type.ts";
import { type Attribute, encodeModel, type OnnxInitializer, type OnnxNode, type Port } from "./onnx-model.ts";

/** A value in the graph, by name. Only a {@link GraphBuilder} makes one. */
export type Value = string & { readonly graphValue: true };

/** Attributes and domain of a node. */
export interface NodeOptions {
  attributes?: Readonly<Record<string, Attribute>>;
  /** Operator domain: ONNX's own unless given. */
  domain?: "" | "com.microsoft";
}

const floatTypes: Partial<Record<SafetensorsDtype, DataType>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };
const toFloat32 = { to: { int: dataTypeCodes.float32 } };
const opsets = { "": 23, "com.microsoft": 1 };

/**
 * Builds an ONNX graph node by node. Weights stay where they are: an initializer points at the stretch of the
 * safetensors file that holds the tensor, and one stored in half precision is cast when it is used.
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #casts: OnnxNode[] = [];
  readonly #cast = new Set<Value>();
  readonly #initializers = new Map<string, OnnxInitializer>();
  readonly #inputs: Port[] = [];
  readonly #outputs: Port[] = [];
  #root: string | undefined;
  #count = 0;

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

  /** Whether any weight is stored in half precision. */
  get casts(): boolean {
    return this.#casts.length > 0;
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
    const output = this.#fresh(op);
    this.#nodes.push({
      op,
      domain: options.domain ?? "",
      inputs: inputs.map((input) => input ?? ""),
      outputs: [output],
      attributes: options.attributes ?? {},
    });
    return output;
  }

  /** A float32 constant. No `dims` means a scalar. */
  floats(values: readonly number[] | number, dims: readonly number[] = []): Value {
    return this.#constant("float32", Float32Array.of(...[values].flat()), dims);
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

  /**
   * A tensor of a safetensors file as a float32 value of shape `dims`, which has the same number of elements (or, with
   * `rows`, those of that range of its first dimension).
   */
  weight(tensor: WeightTensor, dims: readonly number[], rows?: readonly [from: number, to: number]): Value {
    if (tensor.transposed) {
      const { transposed, ...asStored } = tensor;
      return this.node("Transpose", [
        this.weight({ ...asStored, shape: tensor.shape.toReversed() }, dims.toReversed()),
      ]);
    }
    const stored = this.#stored(tensor, dims, rows);
    if (tensor.dtype === "F32") return stored;
    const value = `${stored}:float32` as Value;
    if (!this.#cast.has(value)) {
      this.#cast.add(value);
      const cast = { op: "Cast", domain: "", inputs: [stored], outputs: [value], attributes: toFloat32 };
      this.#casts.push(cast);
    }
    return value;
  }

  /** The rows of an embedding table `[n, size]` that `ids` name, in float32: only those rows are cast. */
  lookup(table: WeightTensor, ids: Value): Value {
    const found = this.node("Gather", [this.#stored(table, table.shape), ids]);
    return table.dtype === "F32" ? found : this.node("Cast", [found], { attributes: toFloat32 });
  }

  /** The model as `onnx.ModelProto` bytes. */
  finish(): Uint8Array {
    return encodeModel({
      name: this.#name,
      // Casts come first: the runtime then schedules each beside its one consumer, and holds one weight at a time.
      nodes: [...this.#casts, ...this.#nodes],
      initializers: [...this.#initializers.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
      opsets,
    });
  }

  #stored(tensor: WeightTensor, dims: readonly number[], rows?: readonly [from: number, to: number]): Value {
    const { file, name: tensorName, dtype, shape, offset, length } = tensor;
    const type = floatTypes[dtype];
    if (type === undefined) {
      const message = `${file}: ${tensorName} is stored as ${dtype}; ${Object.keys(floatTypes).join(", ")} work`;
      throw modelError("unsupported", message, { file, tensor: tensorName });
    }
    const name = `${tensorName}${rows ? `[${rows.join(":")}]` : ""}(${dims.join("x")})` as Value;
    if (!this.#initializers.has(name)) {
      const [from, to] = rows ?? [0, shape[0] ?? 1];
      const rowBytes = length / (shape[0] ?? 1);
      const data = { location: this.#location(file), offset: offset + from * rowBytes, length: (to - from) * rowBytes };
      this.#initializers.set(name, { name, type, dims, data });
    }
    return name;
  }

  #constant(type: DataType, data: Float32Array | BigInt64Array | Int32Array, dims: readonly number[]): Value {
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
    return file.slice(root.length).replaceAll(sep, "/");
  }

  #fresh(op: string): Value {
    return `${op}_${this.#count++}` as Value;
  }
}
