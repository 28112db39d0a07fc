/**
 * One float32 tensor as a safetensors file: an 8-byte little-endian header length, a JSON header padded to 8 bytes, the values.
 *
 * @see https://huggingface.co/docs/safetensors for the format
 */
export function toSafetensors(name: string, shape: readonly number[], values: Float32Array): Uint8Array {
  const header = JSON.stringify({ [name]: { dtype: "F32", shape, data_offsets: [0, values.byteLength] } });
  const text = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}
