import { castType } from "../../graph/cast-type.ts";
import { type DataType, dataTypeCodes } from "../../graph/data-type.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../../graph/onnx-model.ts";
import { type Shape, shapesOf } from "../../graph/shapes.ts";
import type { HostPart } from "./on-host.ts";

/** Which types of stored weights a device takes as they lie, to make them float32 as they are used. */
export interface StoredTypes {
  readonly float16: boolean;
  readonly bfloat16: boolean;
  readonly float8: boolean;
  /** Small integers with scales. */
  readonly int8: boolean;
}

/** How one weight becomes float32. */
export interface WeightPlan {
  /** How many numbers it has, where that is known. */
  readonly numbers: number;
  /** What the host computes at load, which the device is given. */
  readonly host: readonly HostPart[];
  /** What the device computes of it in each run, in order. */
  readonly device: readonly OnnxNode[];
  /** All of it by the host. */
  readonly whole: HostPart;
}

interface Parts {
  host: HostPart[];
  device: OnnxNode[];
}

/** How each weight of a model is made ready for a device: in as few bytes as it can do with, and with none of the steps that it has no kernels for. */
export class WeightPlans {
  readonly #model: OnnxModel;
  readonly #prepared: ReadonlyMap<string, OnnxNode>;
  readonly #constants: ReadonlyMap<string, OnnxInitializer>;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #takes: StoredTypes;
  readonly #smallest: number;

  /** `prepared` are the operators that make weights ready; a weight of up to `smallest` numbers is left to the host whole. */
  constructor(model: OnnxModel, prepared: ReadonlySet<OnnxNode>, takes: StoredTypes, smallest: number) {
    this.#model = model;
    this.#prepared = new Map([...prepared].map((node) => [node.outputs[0]!, node]));
    this.#constants = new Map(model.initializers.map((each) => [each.name, each]));
    this.#shapes = shapesOf(model);
    this.#takes = takes;
    this.#smallest = smallest;
  }

  /** A plan for each weight that the rest of the model takes. */
  all(): WeightPlan[] {
    const rest = this.#model.nodes.filter(({ outputs }) => !this.#prepared.has(outputs[0]!));
    const taken = new Set(rest.flatMap(({ inputs }) => inputs));
    return [...this.#prepared.keys()].filter((value) => taken.has(value)).map((value) => this.#plan(value));
  }

  #plan(value: string): WeightPlan {
    const whole = this.#byHost(value);
    const shape = this.#shapes.get(value);
    const isKnown = shape?.every((dim) => typeof dim === "number") === true;
    const numbers = isKnown ? product(shape as number[]) : Number.POSITIVE_INFINITY;
    const parts: Parts = { host: [], device: [] };
    const own = { numbers, whole };
    if (numbers <= this.#smallest || !this.#follow(value, parts)) return { ...own, host: [whole], device: [] };
    return { ...own, ...parts };
  }

  /** Whether the device makes a value in each run; then what that takes is in `parts`. */
  #follow(value: string, parts: Parts): boolean {
    const node = this.#prepared.get(value);
    if (node === undefined) return false;
    if (this.#start(node, parts)) return true;
    const follows = node.inputs.map((input) => this.#follow(input, parts));
    if (!follows.includes(true)) return false;
    for (const [i, input] of node.inputs.entries()) if (!follows[i]) this.#give(input, parts);
    parts.device.push(node);
    return true;
  }

  /** Whether an operator is where the device begins. */
  #start(node: OnnxNode, parts: Parts): boolean {
    const [stored = "", scale] = node.inputs;
    const type = this.#constants.get(stored)?.type;
    const takes = type !== undefined && this.#takesStored(type);
    if (node.op === "Cast" && castType(node) === "float32" && type !== undefined) {
      if (takes) parts.device.push(node);
      else if (this.#takes.float16 && type in narrow) parts.device.push(castFrom(this.#half(stored, parts), node));
      else return false;
      return true;
    }
    if (node.op !== "DequantizeLinear") return false;
    if (type !== undefined && type in narrow && !takes) {
      if (!this.#takes.float16) return false;
      parts.device.push(...this.#scaled(this.#half(stored, parts), scale!, node, parts));
      return true;
    }
    if (!takes && !this.#takes.int8) return false;
    for (const input of node.inputs) this.#give(input, parts);
    parts.device.push(node);
    return true;
  }

  #takesStored(type: DataType): boolean {
    if (type === "float8e4m3fn" || type === "float8e5m2") return this.#takes.float8;
    return (type === "float16" || type === "bfloat16") && this.#takes[type];
  }

  /** What a device is given: a constant as it is, or what the host makes. */
  #give(value: string, { host }: Parts): void {
    if (this.#prepared.has(value)) host.push(this.#byHost(value));
  }

  /** A stored weight in float16. */
  #half(stored: string, { host }: Parts): string {
    const value = `${stored}:float16`;
    const cast = { op: "Cast", domain: "", inputs: [stored], outputs: [value], attributes: to("float16") };
    host.push({ value, type: "float16", nodes: [cast], isHalf: true });
    return value;
  }

  /** `half · scale` in float32, with one scale or one for each row. */
  #scaled(half: string, scale: string, node: OnnxNode, parts: Parts): OnnxNode[] {
    const [value = ""] = node.outputs;
    const [cast, column] = [`${value}:cast`, `${value}:column`];
    const { dims } = this.#constants.get(node.inputs[0]!)!;
    const rank = this.#shapes.get(scale)?.length ?? 0;
    this.#give(scale, parts);
    const axes = Array.from({ length: dims.length - 1 }, (_, i) => i + 1);
    const unsqueeze = { ...plain("Unsqueeze", [scale, `${value}:axes`], column) };
    return [
      castFrom(half, { ...node, outputs: [cast] }),
      ...(rank === 1 ? [constant(`${value}:axes`, axes), unsqueeze] : []),
      plain("Mul", [cast, rank === 1 ? column : scale], value),
    ];
  }

  #byHost(value: string): HostPart {
    const nodes = new Set<OnnxNode>();
    const visit = (name: string) => {
      const node = this.#prepared.get(name);
      if (node === undefined || nodes.has(node)) return;
      for (const input of node.inputs) visit(input);
      nodes.add(node);
    };
    visit(value);
    return { value, type: this.#typeOf(value), nodes: [...nodes] };
  }

  #typeOf(value: string): DataType {
    const node = this.#prepared.get(value);
    if (node === undefined) return this.#constants.get(value)!.type;
    if (node.op === "Cast") return castType(node);
    if (node.op === "Shape") return "int64";
    return node.op === "DequantizeLinear" ? "float32" : this.#typeOf(node.inputs[0]!);
  }
}

/** Stored types that float16 holds: bfloat16 where it is within its range. */
const narrow: Partial<Record<DataType, true>> = { bfloat16: true, float8e4m3fn: true, float8e5m2: true };

function to(type: DataType) {
  return { to: { int: dataTypeCodes[type] } };
}

function castFrom(half: string, { outputs }: OnnxNode): OnnxNode {
  return { op: "Cast", domain: "", inputs: [half], outputs, attributes: to("float32") };
}

function plain(op: string, inputs: readonly string[], output: string): OnnxNode {
  return { op, domain: "", inputs, outputs: [output], attributes: {} };
}

/** A list of integers as an operator. */
function constant(output: string, ints: readonly number[]): OnnxNode {
  return { op: "Constant", domain: "", inputs: [], outputs: [output], attributes: { value_ints: { ints } } };
}

function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}
