import { readFile, writeFile } from "node:fs/promises";
import { parseSafetensors } from "../files/safetensors.ts";

/** A tensor as it lies in a file. */
export interface FileTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** All tensors of a small safetensors file. */
export async function tensorsOf(path: string): Promise<FileTensor[]> {
  const file = await readFile(path);
  return [...parseSafetensors(path, file).tensors.values()].map(({ name, dtype, shape, offset, length }) => ({
    name,
    dtype,
    shape,
    bytes: file.subarray(offset, offset + length),
  }));
}

/** Writes tensors as a safetensors file. */
export async function writeTensors(path: string, tensors: readonly FileTensor[]): Promise<void> {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(path, Buffer.concat([length, header, ...tensors.map(({ bytes }) => bytes)]));
}
