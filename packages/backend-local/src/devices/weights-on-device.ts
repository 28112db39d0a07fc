import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { toFloat32 } from "../files/to-float32.ts";
import { dataTypeCodes } from "../graph/data-type.ts";
import type { BuiltModel } from "../graph/graph-builder.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../graph/onnx-model.ts";

/** Weights of up to so many numbers are written into the model in float32: casting each in each step would cost more than it saves. */
const smallWeight = 16_384;

/** Whether all weights that are not float32 are float16: a device that has it casts them itself. */
export function onlyHalves({ nodes, prepared, initializers }: BuiltModel): boolean {
  const types = new Map(initializers.map(({ name, type }) => [name, type]));
  return nodes.slice(0, prepared).every(({ op, inputs }) => op === "Cast" && types.get(inputs[0]!) === "float16");
}

/** Whether all weights lie in float16: what computes in it takes them as they are. */
export function onlyHalfFiles({ initializers }: BuiltModel): boolean {
  return initializers.every(({ type, data }) => data instanceof Uint8Array || type === "float16");
}

/** The model with its small float16 weights as float32 in itself. The large ones stay in their file. */
export function withSmallWeights(model: OnnxModel, root: string): OnnxModel {
  const halves = new Map(model.initializers.filter(isSmallHalf).map((each) => [each.name, each]));
  const files = new Map<string, number>();
  const made: OnnxInitializer[] = [];
  const isCast = ({ op, inputs: [input = ""], attributes }: OnnxNode) => {
    const { to } = attributes;
    return op === "Cast" && halves.has(input) && to !== undefined && "int" in to && to.int === dataTypeCodes.float32;
  };
  try {
    const nodes = model.nodes.filter((node) => {
      if (!isCast(node)) return true;
      const { dims, data } = halves.get(node.inputs[0]!)!;
      const bytes = new Uint8Array(toFloat32(readPart(files, root, data), "F16").buffer as ArrayBuffer);
      made.push({ name: node.outputs[0]!, type: "float32", dims, data: bytes });
      return false;
    });
    const used = new Set(nodes.flatMap(({ inputs }) => inputs));
    const initializers = [...model.initializers, ...made].filter(({ name }) => used.has(name));
    return { ...model, nodes, initializers };
  } finally {
    for (const file of files.values()) closeSync(file);
  }
}

function isSmallHalf({ type, dims, data }: OnnxInitializer): boolean {
  return type === "float16" && !(data instanceof Uint8Array) && dims.reduce((a, b) => a * b, 1) <= smallWeight;
}

function readPart(files: Map<string, number>, root: string, data: OnnxInitializer["data"]): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const file = files.get(data.location) ?? openSync(join(root, data.location), "r");
  files.set(data.location, file);
  const bytes = new Uint8Array(data.length);
  readSync(file, bytes, 0, data.length, data.offset);
  return bytes;
}
