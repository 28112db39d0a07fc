/** ONNX element types that our graphs use, with their codes in `TensorProto.DataType`. */
export const dataTypeCodes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e5m2: 19,
} as const;

/** An ONNX element type. */
export type DataType = keyof typeof dataTypeCodes;
