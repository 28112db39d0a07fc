import { type FileHandle, open } from "node:fs/promises";
import { blockNumbers } from "./block-numbers.ts";
import { modelError } from "./model-error.ts";
import { rotateColumns } from "./rotate-columns.ts";
import type { WeightTensor } from "./safetensors.ts";
import { isBlockType } from "./stored-type.ts";
import { isFloatType, toFloat32 } from "./to-float32.ts";

/**
 * What a tensor's elements stand for, as they lie: blocks and scales are applied, and a rotation is turned back. Who reads hundreds of one
 * file opens it once, and gives the handle.
 *
 * @throws {@link ModelError} where it is of another type, or unreadable.
 */
export async function readTensor(tensor: WeightTensor, opened?: FileHandle): Promise<Float32Array> {
  const { scale, rotation } = tensor;
  const values = numbersOf(tensor, await readBytes(tensor, opened));
  if (scale !== undefined) {
    const factors = await readTensor(scale);
    const perRow = values.length / factors.length;
    for (let i = 0; i < values.length; i++) values[i] = values[i]! * factors[Math.floor(i / perRow)]!;
  }
  return rotation === undefined ? values : rotateColumns(values, rotation);
}

function numbersOf({ file, name, dtype, scale }: WeightTensor, bytes: Buffer): Float32Array {
  if (isFloatType(dtype)) return toFloat32(bytes, dtype);
  if (isBlockType(dtype)) return blockNumbers(bytes, dtype);
  if (dtype === "I8" && scale !== undefined)
    return Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  const message = `${file}: ${name} is stored as ${dtype}; a float type is needed`;
  throw modelError("unsupported", message, { file, tensor: name });
}

/** The first element of an int32 or int64 tensor; undefined where it is of another type. */
export async function readInteger(tensor: WeightTensor): Promise<number | undefined> {
  if (tensor.length < 4 || (tensor.dtype !== "I64" && tensor.dtype !== "I32")) return undefined;
  const bytes = await readBytes(tensor);
  return tensor.dtype === "I64" ? Number(bytes.readBigInt64LE(0)) : bytes.readInt32LE(0);
}

/** A tensor's bytes as they lie. @throws {@link ModelError} where the file ends before. */
export async function readBytes({ file, name, offset, length }: WeightTensor, opened?: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const handle = opened ?? (await open(file, "r"));
  try {
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead === length) return bytes;
    const message = `${file} has become shorter: ${name} is no longer in it`;
    throw modelError("malformed", message, { file, tensor: name });
  } finally {
    if (opened === undefined) await handle.close();
  }
}
