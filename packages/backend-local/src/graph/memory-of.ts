import { type BuiltModel, locationOf } from "./graph-builder.ts";
import { layoutBytes } from "./layout.ts";
import type { Attribute, OnnxNode } from "./onnx-model.ts";
import { count, type Shape, shapesOf } from "./shapes.ts";

/** What a graph takes in a run, in bytes. */
export interface GraphMemory {
  /** The values between its layers, where they are most, and the weights that are made ready beside them. */
  between: number;
  /** Weights that are laid out anew when it is loaded, in memory of their own. */
  packed: number;
  /** Weights that are looked at in their files. */
  mapped: number;
  /** What it is given in a run. */
  given: number;
}

/** Operators whose result is what they are given, under another shape. */
const views = new Set(["Identity", "Reshape", "Squeeze", "Unsqueeze"]);
/** Operators that write over what they are given, where nothing else needs it. */
const inPlace = new Set(
  ["Add", "Sub", "Mul", "Div", "Max", "Abs", "Clip", "QuickGelu", "Gelu", "Sigmoid", "Tanh", "Relu", "Softmax"].concat([
    "Where",
    "Cast",
  ]),
);

/**
 * What a graph takes where the free sizes of its inputs are these. The runtime runs node after node, takes a result's memory when it makes it and
 * gives it back after its last use; what makes a weight ready is run right before its consumer.
 */
export function memoryOf(model: BuiltModel, sizes: Readonly<Record<string, number>>): GraphMemory {
  const shapes = shapesOf(model, sizes);
  const constants = new Map(model.initializers.map((each) => [each.name, each]));
  const makers = new Map(model.nodes.slice(0, model.prepared).map((node) => [node.outputs[0]!, node]));
  const uses = new Map<string, number>();
  for (const input of model.nodes.flatMap(({ inputs }) => inputs)) uses.set(input, (uses.get(input) ?? 0) + 1);
  for (const { name } of model.outputs) uses.set(name, Number.POSITIVE_INFINITY);

  const buffers = new Map<string, { bytes: number; holders: number }>();
  let [live, between] = [0, 0];
  const bytesOf = (node: OnnxNode, output: string) => {
    const known =
      count(shapes.get(output)) ?? Math.max(1, ...node.inputs.map((input) => count(shapes.get(input)) ?? 0));
    return known * elementBytes(node);
  };
  const isLastUse = (input: string) => uses.get(input) === 1 && buffers.get(input)?.holders === 1;
  const run = (node: OnnxNode) => {
    for (const input of new Set(node.inputs)) {
      const maker = makers.get(input);
      makers.delete(input);
      if (maker !== undefined) run(maker);
    }
    const [output = ""] = node.outputs;
    const bytes = bytesOf(node, output);
    const over = node.inputs.find((input) =>
      views.has(node.op)
        ? input === node.inputs[0] && buffers.has(input)
        : inPlace.has(node.op) && isLastUse(input) && buffers.get(input)!.bytes === bytes,
    );
    if (over === undefined) {
      buffers.set(output, { bytes, holders: 1 });
      live += bytes;
    } else {
      const buffer = buffers.get(over)!;
      buffer.holders++;
      buffers.set(output, buffer);
    }
    between = Math.max(
      between,
      live +
        workspaceOf(
          node,
          node.inputs.map((input) => shapes.get(input)),
        ),
    );
    for (const input of node.inputs) {
      const left = (uses.get(input) ?? 0) - 1;
      uses.set(input, left);
      const buffer = buffers.get(input);
      if (left > 0 || buffer === undefined) continue;
      buffers.delete(input);
      if (--buffer.holders === 0) live -= buffer.bytes;
    }
  };
  for (const node of model.nodes.slice(model.prepared)) run(node);

  const packs = new Set(model.nodes.filter(({ op }) => op === "QGemm").map(({ inputs }) => inputs[3]!));
  const layouts = [...(model.layouts?.values() ?? [])];
  const laidOut = new Set(layouts.map(({ tensor: { file, offset } }) => `${locationOf(file)} ${offset}`));
  let packed = layouts.reduce((sum, each) => sum + layoutBytes(each), 0);
  const mapped = new Map<string, number>();
  for (const { name, data } of constants.values()) {
    if (data instanceof Uint8Array) continue;
    if (packs.has(name)) packed += data.length;
    else {
      // Blocks are looked at as several types.
      const place = `${data.location} ${data.offset}`;
      if (!laidOut.has(place)) mapped.set(place, data.length);
    }
  }
  const given = model.inputs.reduce((sum, { name }) => sum + 4 * (count(shapes.get(name)) ?? 0), 0);
  return { between, packed, mapped: [...mapped.values()].reduce((sum, each) => sum + each, 0), given };
}

const oneByte = new Set(["QuantizeLinear", "Equal", "Less", "Not"]);

function elementBytes({ op }: OnnxNode): number {
  return oneByte.has(op) ? 1 : 4;
}

/** What an operator takes while it runs: attention lays its inputs out by heads, and one with a mask holds its scores. */
function workspaceOf({ op, attributes }: OnnxNode, [query, key, value]: readonly Shape[]): number {
  if (op !== "MultiHeadAttention" && op !== "Attention") return 0;
  const apart = [query, key, value].reduce((sum, shape) => sum + 4 * (count(shape) ?? 0), 0);
  if (op === "MultiHeadAttention") return apart;
  const [batch = 1, queries = 0] = query ?? [];
  const keys = key?.[1] ?? 0;
  return apart + 4 * Number(batch) * int(attributes["q_num_heads"]) * Number(queries) * Number(keys);
}

function int(attribute: Attribute | undefined): number {
  return attribute !== undefined && "int" in attribute ? attribute.int : 0;
}
