import { open } from "node:fs/promises";
import { modelError } from "./model-error.ts";
import type { WeightTensor } from "./safetensors.ts";
import { isFloatType, toFloat32 } from "./to-float32.ts";

/** The elements of a small floating-point tensor as they lie. @throws {@link ModelError} where it is of another type, or unreadable. */
export async function readTensor(tensor: WeightTensor): Promise<Float32Array> {
  const { file, name, dtype } = tensor;
  if (!isFloatType(dtype)) {
    throw modelError("unsupported", `${file}: ${name} is stored as ${dtype}; a float type is needed`, {
      file,
      tensor: name,
    });
  }
  return toFloat32(await readBytes(tensor), dtype);
}

/** The first element of an int32 or int64 tensor; undefined where it is of another type. */
export async function readInteger(tensor: WeightTensor): Promise<number | undefined> {
  if (tensor.length < 4 || (tensor.dtype !== "I64" && tensor.dtype !== "I32")) return undefined;
  const bytes = await readBytes(tensor);
  return tensor.dtype === "I64" ? Number(bytes.readBigInt64LE(0)) : bytes.readInt32LE(0);
}

async function readBytes({ file, offset, length }: WeightTensor): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const handle = await open(file, "r");
  try {
    await handle.read(bytes, 0, length, offset);
  } finally {
    await handle.close();
  }
  return bytes;
}
