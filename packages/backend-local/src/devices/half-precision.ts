import { toHalf } from "../files/to-float32.ts";
import { castType } from "../graph/cast-type.ts";
import { type DataType, dataTypeCodes } from "../graph/data-type.ts";
import { Draft } from "../graph/draft.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../graph/onnx-model.ts";

/**
 * Networks that may be computed in float16, by their graphs' names. The others overflow it or lose too much: VAEs (XL's gives no numbers), and
 * transformers that were trained in bfloat16.
 */
const networks = new Set([
  "CLIPTextModel",
  "CLIPVisionModelWithProjection",
  "ControlNetConditioningEmbedding",
  "ControlNetModel",
  "IPAdapter",
  "T2IAdapter",
  "UNet2DConditionModel",
  "UNet2DModel",
]);

/** Whether a network may be computed in float16. */
export function mayBeHalf(graph: string): boolean {
  return networks.has(graph);
}

/** Operators whose sums and powers are made in float32. */
const inFloat32 = new Set([
  "Cos",
  "InstanceNormalization",
  "LayerNormalization",
  "Log",
  "RMSNormalization",
  "ReduceL2",
  "ReduceMean",
  "ReduceSum",
  "ReduceSumSquare",
  "SimplifiedLayerNormalization",
  "Sin",
]);

/** Inputs that are float32 by an operator's definition. */
const float32Inputs: Readonly<Record<string, readonly number[]>> = { Resize: [2] };

/**
 * A graph whose float32 arithmetic is done in float16, but for norms and `apart`: rows of tables, and the waves of timesteps. Inputs
 * and outputs stay float32; weights that are stored in float16 are used as they lie.
 */
export function inHalfPrecision(model: OnnxModel, apart: readonly string[]): OnnxModel {
  return new HalfPrecision(model, apart).rewrite();
}

class HalfPrecision {
  readonly #model: OnnxModel;
  readonly #draft: Draft;
  readonly #apart: ReadonlySet<string>;
  /** Values that no input has a part in. */
  readonly #constants: Set<string>;
  readonly #types: Map<string, DataType>;
  /** Values that are float16 as they came: rows of tables that lie so. */
  readonly #rows: ReadonlySet<string>;
  /** Of each value of either precision, what holds it in the other. */
  readonly #halves = new Map<string, string>();
  readonly #wholes = new Map<string, string>();

  constructor(model: OnnxModel, apart: readonly string[]) {
    this.#model = model;
    this.#draft = new Draft(model);
    this.#apart = new Set(apart);
    this.#constants = new Set(model.initializers.map(({ name }) => name));
    this.#rows = storedRows(model);
    this.#types = new Map([...model.inputs, ...model.initializers].map(({ name, type }) => [name, type]));
  }

  rewrite(): OnnxModel {
    const outputs = new Set(this.#model.outputs.map(({ name }) => name));
    for (const node of this.#model.nodes) {
      const [output = ""] = node.outputs;
      const type = this.#typeOf(node);
      this.#types.set(output, type);
      const [input = ""] = node.inputs;
      if (node.op === "Cast" && type === "float32" && this.#types.get(input) === "float16") {
        // A weight, or rows of a table: as it lies for products, and cast for what is done in float32.
        this.#draft.keep(node);
        this.#halves.set(output, input);
        if (this.#isConstant(node)) this.#constants.add(output);
      } else if (this.#isConstant(node)) {
        // What makes a weight ready is done once, at load.
        this.#draft.keep(node);
        this.#constants.add(output);
      } else if (type !== "float32" || inFloat32.has(node.op) || this.#apart.has(output) || outputs.has(output)) {
        this.#draft.keep({ ...node, inputs: node.inputs.map((name) => this.#whole(name)) });
      } else {
        const kept = float32Inputs[node.op] ?? [];
        const inputs = node.inputs.map((name, i) => (kept.includes(i) ? name : this.#half(name)));
        this.#draft.keep({ ...node, inputs });
        this.#types.set(output, "float16");
      }
    }
    return this.#draft.finish();
  }

  #isConstant({ inputs }: OnnxNode): boolean {
    return inputs.every((name) => name === "" || this.#constants.has(name));
  }

  #half(name: string): string {
    if (this.#types.get(name) !== "float32") return name;
    const known = this.#halves.get(name) ?? this.#makeHalf(name);
    this.#halves.set(name, known);
    return known;
  }

  #makeHalf(name: string): string {
    const constant = this.#draft.initializer(name);
    const own = constant === undefined ? undefined : halfConstant(constant);
    const made = own === undefined ? this.#cast(name, "float16") : this.#draft.set(own);
    this.#types.set(made, "float16");
    return made;
  }

  #whole(name: string): string {
    // What was float16 from the start is meant to be.
    if (this.#types.get(name) !== "float16" || this.#draft.initializer(name) !== undefined) return name;
    const known = this.#wholes.get(name) ?? this.#cast(name, "float32");
    this.#wholes.set(name, known);
    this.#types.set(known, "float32");
    return known;
  }

  #cast(name: string, to: "float16" | "float32"): string {
    return this.#draft.node("Cast", [name], { attributes: { to: { int: dataTypeCodes[to] } } });
  }

  /** An operator's type as the graph was built. */
  #typeOf({ op, inputs, attributes }: OnnxNode): DataType {
    const wide = (name = ""): DataType => {
      const type = this.#types.get(name) ?? "float32";
      // What this pass has made float16 was float32.
      return type === "float16" && this.#draft.initializer(name) === undefined && !this.#rows.has(name)
        ? "float32"
        : type;
    };
    switch (op) {
      case "Cast":
        return castType({ attributes });
      case "ArgMax":
      case "Shape":
        return "int64";
      case "Equal":
      case "Less":
      case "Not":
        return "bool";
      case "DequantizeLinear":
        return "float32";
      case "Where":
        return wide(inputs[1]);
      default:
        return wide(inputs[0]);
    }
  }
}

/** Rows that are found in tables of float16. */
function storedRows({ nodes, initializers }: OnnxModel): Set<string> {
  const tables = new Set(initializers.filter(({ type }) => type === "float16").map(({ name }) => name));
  return new Set(
    nodes.filter(({ op, inputs }) => op === "Gather" && tables.has(inputs[0]!)).map(({ outputs }) => outputs[0]!),
  );
}

/** A float32 constant of the model itself in float16; nothing where it lies in a file. */
function halfConstant({ name, dims, data }: OnnxInitializer): OnnxInitializer | undefined {
  if (!(data instanceof Uint8Array)) return undefined;
  const values = new Float32Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 4);
  // What stands for "never" stays finite.
  const bounded = values.map((value) => Math.max(-65504, Math.min(65504, value)));
  const bytes = new Uint8Array(toHalf(bounded).buffer as ArrayBuffer);
  return { name: `${name}:half`, type: "float16", dims, data: bytes };
}
