import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { isBlockType } from "../files/stored-type.ts";
import { scaleOfRows } from "../files/tensor-views.ts";
import { blockRows, blockWeight } from "./block-weight.ts";
import { type DataType, dataTypeCodes } from "./data-type.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import { rotated } from "./rotation.ts";

/** Elements that are numbers by themselves, or times a scale. */
const elementTypes: Partial<Record<WeightTensor["dtype"], { type: DataType; bytes: number }>> = {
  F32: { type: "float32", bytes: 4 },
  F16: { type: "float16", bytes: 2 },
  BF16: { type: "bfloat16", bytes: 2 },
  F8_E4M3: { type: "float8e4m3fn", bytes: 1 },
  F8_E5M2: { type: "float8e5m2", bytes: 1 },
  I8: { type: "int8", bytes: 1 },
};
const toFloat32 = { attributes: { to: { int: dataTypeCodes.float32 } } };

/** Rows of a tensor as float32 of shape `dims`. The nodes stand before all others: each weight exists while it is used. */
export function readyWeight(
  graph: GraphBuilder,
  tensor: WeightTensor,
  dims: readonly number[],
  rows: readonly [from: number, to: number],
): Value {
  const { rotation, ...plain } = tensor;
  // Turned back: the rotation is its own inverse.
  if (rotation !== undefined) return rotated(graph, readyWeight(graph, plain, dims, rows), rotation, "weight");
  if (isBlockType(tensor.dtype)) return blockWeight(graph, tensor, dims, rows);
  const { type } = elementType(tensor);
  const rowBytes = tensor.length / (tensor.shape[0] ?? 1);
  const stored = graph.stored({ tensor, type, dims, from: rows[0] * rowBytes, length: (rows[1] - rows[0]) * rowBytes });
  if (tensor.scale !== undefined) {
    const inputs = [stored, scaleValue(graph, scaleOfRows(tensor.scale, ...rows))];
    return graph.prepare("DequantizeLinear", inputs, { attributes: { axis: { int: 0 } } });
  }
  return type === "float32" ? stored : graph.prepare("Cast", [stored], toFloat32);
}

/** The rows of a table `[n, size]` that `ids` name, in float32. */
export function readyRows(graph: GraphBuilder, table: WeightTensor, ids: Value): Value {
  const { rotation, ...plain } = table;
  if (rotation !== undefined) return rotated(graph, readyRows(graph, plain, ids), rotation);
  if (isBlockType(table.dtype)) return blockRows(graph, table, ids);
  const { scale } = table;
  const { type } = elementType(table);
  const stored = graph.stored({ tensor: table, type, dims: table.shape, from: 0, length: table.length });
  const found = graph.node("Gather", [stored, ids]);
  const values = type === "float32" ? found : graph.node("Cast", [found], toFloat32);
  if (scale === undefined) return values;
  const own = scaleValue(graph, scale);
  const factor =
    scale.shape.length === 0 ? own : graph.node("Unsqueeze", [graph.node("Gather", [own, ids]), graph.ints([-1])]);
  return graph.node("Mul", [values, factor]);
}

/** A scale in float32: a number, or one for each row. */
export function scaleValue(graph: GraphBuilder, scale: WeightTensor): Value {
  return graph.weight(scale, scale.shape);
}

function elementType({ dtype, file, name }: WeightTensor) {
  const element = elementTypes[dtype];
  if (element !== undefined) return element;
  const message = `${file}: ${name} is stored as ${dtype}; ${Object.keys(elementTypes).join(", ")} and GGUF's types work`;
  throw modelError("unsupported", message, { file, tensor: name });
}
