import { type DataType, dataTypeCodes } from "./data-type.ts";
import type { OnnxNode } from "./onnx-model.ts";

/** What a Cast makes of its input. */
export function castType({ attributes: { to } }: Pick<OnnxNode, "attributes">): DataType {
  const code = to !== undefined && "int" in to ? to.int : dataTypeCodes.float32;
  return Object.entries(dataTypeCodes).find(([, each]) => each === code)![0] as DataType;
}
