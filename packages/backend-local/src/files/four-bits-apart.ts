import { blockTypes, type StoredType } from "./stored-type.ts";
import { fromHalf } from "./to-float32.ts";

/** GGUF's types of four bits. */
const fourBitTypes = { Q4_0: { adds: false }, Q4_1: { adds: true }, Q4_K: { adds: true } } as const;

/** A GGUF type of four bits. */
export type FourBitType = keyof typeof fourBitTypes;

/** Whether a type has four bits. */
export function isFourBitType(type: StoredType): type is FourBitType {
  return Object.hasOwn(fourBitTypes, type);
}

/** Whether a type adds a number to each block. */
export function addsToBlocks(type: FourBitType): boolean {
  return fourBitTypes[type].adds;
}

/** Blocks as `(q − 8)·scale + added`, a scale and a number to add for each 32 numbers. */
export interface FourBits {
  /** The numbers q, two neighbours in a byte, the first in its low half. */
  numbers: Uint8Array;
  scales: Float32Array;
  added?: Float32Array;
}

/** Takes blocks of four bits apart. */
export function fourBitsApart(bytes: Uint8Array, type: FourBitType): FourBits {
  const { elements, bytes: size } = blockTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / size;
  const numbers = new Uint8Array((count * elements) / 2);
  const scales = new Float32Array((count * elements) / 32);
  const added = new Float32Array(addsToBlocks(type) ? scales.length : 0);
  if (type === "Q4_K")
    for (let block = 0; block < count; block++) superBlock(bytes, view, block, { numbers, scales, added });
  else {
    const first = size - 16;
    for (let block = 0; block < count; block++) {
      const scale = fromHalf(view.getUint16(block * size, true));
      scales[block] = scale;
      if (type === "Q4_1") added[block] = 8 * scale + fromHalf(view.getUint16(block * size + 2, true));
      const from = block * size + first;
      const to = block * 16;
      halvesInPairs(bytes, from, 16, numbers, to);
    }
  }
  return { numbers, scales, ...(added.length > 0 && { added }) };
}

/** 256 numbers, of which each 32 have a scale and a minimum of six bits (ggml's `get_scale_min_k4`). */
function superBlock(
  bytes: Uint8Array,
  view: DataView,
  block: number,
  { numbers, scales, added }: Required<FourBits>,
): void {
  const at = block * 144;
  const [d, least] = [fromHalf(view.getUint16(at, true)), fromHalf(view.getUint16(at + 2, true))];
  const six = at + 4;
  for (let i = 0; i < 8; i++) {
    const [own, other] = [bytes[six + i]!, bytes[six + i + 4]!];
    const low = i < 4 ? 0 : bytes[six + i - 4]!;
    const scale = Math.fround(d * (i < 4 ? own & 63 : (other & 15) | ((low >> 6) << 4)));
    const minimum = Math.fround(least * (i < 4 ? other & 63 : (other >> 4) | ((own >> 6) << 4)));
    scales[block * 8 + i] = scale;
    added[block * 8 + i] = 8 * scale - minimum;
  }
  for (let group = 0; group < 4; group++) {
    const from = at + 16 + 32 * group;
    const to = block * 128 + 32 * group;
    halvesInPairs(bytes, from, 32, numbers, to);
  }
}

/** Bytes that have the first half of their numbers in their low halves and the second in their high ones: with neighbours in a byte. */
function halvesInPairs(bytes: Uint8Array, from: number, length: number, numbers: Uint8Array, to: number): void {
  const half = length / 2;
  for (let i = 0; i < half; i++) {
    const [a, b] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
    numbers[to + i] = (a & 15) | ((b & 15) << 4);
    numbers[to + half + i] = (a >> 4) | (b & 0xf0);
  }
}
