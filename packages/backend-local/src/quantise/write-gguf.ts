import type { PlannedTensor } from "./quantised-tensor.ts";

/** ggml's numbers of the types that are written. */
const typeNumbers: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 8 };
/** GGUF's numbers of metadata types. */
const valueTypes = { uint32: 4, int32: 5, string: 8, array: 9 };
const alignment = 32;

/**
 * A GGUF file's header, version 3, for tensors that follow in this order, each padded to 32 bytes; kernels are laid out in rows of 256 with
 * their shape noted, as city96's tools do.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function ggufHeader(architecture: string, fileType: number, tensors: readonly PlannedTensor[]): Uint8Array {
  const parts: Buffer[] = [];
  const u32 = (value: number) => parts.push(Buffer.from(Uint32Array.of(value).buffer));
  const u64 = (value: number) => parts.push(Buffer.from(BigUint64Array.of(BigInt(value)).buffer));
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    u64(bytes.length);
    parts.push(bytes);
  };
  const reshaped = tensors.filter(isReshaped);
  parts.push(Buffer.from("GGUF"));
  u32(3);
  u64(tensors.length);
  u64(3 + reshaped.length);
  text("general.architecture");
  u32(valueTypes.string);
  text(architecture);
  for (const [key, value] of [
    ["general.quantization_version", 2],
    ["general.file_type", fileType],
  ] as const) {
    text(key);
    u32(valueTypes.uint32);
    u32(value);
  }
  for (const { name, shape } of reshaped) {
    text(`comfy.gguf.orig_shape.${name}`);
    u32(valueTypes.array);
    u32(valueTypes.int32);
    u64(shape.length);
    for (const side of shape) u32(side);
  }
  let offset = 0;
  for (const tensor of tensors) {
    const stored = isReshaped(tensor) ? [tensor.shape.reduce((a, b) => a * b, 1) / 256, 256] : tensor.shape;
    text(tensor.name);
    u32(stored.length);
    for (const side of stored.toReversed()) u64(side);
    u32(typeNumbers[tensor.dtype]!);
    u64(offset);
    offset += padded(tensor.length);
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(padded(header.length) - header.length)]);
}

/** A length with what follows it up to where the next tensor may begin. */
export function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

/** Whether a tensor's own rows are no whole blocks. */
function isReshaped({ dtype, shape }: PlannedTensor): boolean {
  return dtype.startsWith("Q") && (shape.length !== 2 || shape.at(-1)! % 32 !== 0);
}
