import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { type BlockType, blockTypes } from "../files/stored-type.ts";
import { BlockReader, blockValues } from "./block-values.ts";
import type { DataType } from "./data-type.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import { withLastDimension } from "./last-dimension.ts";

/** The types that a block's bytes are looked at as: all over the same stretch of the file. */
const views: readonly (readonly [type: DataType, size: number])[] = [
  ["uint8", 1],
  ["int8", 1],
  ["float16", 2],
];

/** Rows of a tensor in GGUF's blocks as float32 of shape `dims`. */
export function blockWeight(
  graph: GraphBuilder,
  tensor: WeightTensor,
  dims: readonly number[],
  [from, to]: readonly [from: number, to: number],
): Value {
  const { bytes } = blockTypes[tensor.dtype as BlockType];
  const all = tensor.shape[0] ?? 1;
  const [blocks, perRow] = [tensor.length / bytes, tensor.length / bytes / all];
  // Blocks may go on over rows (city96's reshaped convolutions): rows are then taken of what is ready.
  const parted = !Number.isInteger(perRow) && to - from < all;
  const [first, count] = parted ? [0, blocks] : [from * perRow, (to - from) * perRow];
  const part = (type: DataType, size: number) =>
    graph.stored({ tensor, type, dims: [count, bytes / size], from: first * bytes, length: count * bytes });
  const reader = new BlockReader(graph, (op, ...rest) => graph.prepare(op, ...rest), viewsBy(part));
  const values = blockValues[tensor.dtype as BlockType](reader);
  const shaped = (shape: readonly number[]) => graph.prepare("Reshape", [values, graph.ints(shape)]);
  if (!parted) return shaped(dims);
  const rows = graph.prepare("Slice", [shaped([all, -1]), graph.ints([from]), graph.ints([to]), graph.ints([0])]);
  return graph.prepare("Reshape", [rows, graph.ints(dims)]);
}

/** The rows of a table `[n, size]` in GGUF's blocks that `ids` name, in float32. */
export function blockRows(graph: GraphBuilder, table: WeightTensor, ids: Value): Value {
  const { bytes } = blockTypes[table.dtype as BlockType];
  const [rows = 1, size = 1] = table.shape;
  const rowBytes = table.length / rows;
  if (rowBytes % bytes !== 0) {
    const message = `${table.file}: the rows of ${table.name} [${table.shape.join(", ")}] are no whole blocks of ${table.dtype}`;
    throw modelError("unsupported", message, { file: table.file, tensor: table.name });
  }
  const found = (type: DataType, unit: number) => {
    const stored = graph.stored({ tensor: table, type, dims: [rows, rowBytes / unit], from: 0, length: table.length });
    return graph.node("Gather", [stored, ids]);
  };
  const part = (type: DataType, unit: number) =>
    graph.node("Reshape", [found(type, unit), graph.ints([-1, bytes / unit])]);
  const reader = new BlockReader(graph, (op, ...rest) => graph.node(op, ...rest), viewsBy(part));
  const values = blockValues[table.dtype as BlockType](reader);
  return withLastDimension(graph, values, found("uint8", 1), size);
}

/** Each view is made when it is first looked at. */
function viewsBy(part: (type: DataType, size: number) => Value): (type: DataType) => Value {
  const made = new Map<DataType, Value>();
  return (type) => {
    const value = made.get(type) ?? part(type, views.find(([each]) => each === type)![1]);
    made.set(type, value);
    return value;
  };
}
