import { type BlockType, blockTypes } from "./stored-type.ts";
import { fromHalf } from "./to-float32.ts";

/** Makes a block's numbers: `at` is its first byte, `out` takes as many as it has. */
type ReadBlock = (bytes: DataView, at: number, out: Float32Array) => void;

/**
 * The numbers that blocks of a GGUF type stand for, as ggml's `dequantize_row_…` makes them: each product and sum rounded to float32.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c
 */
export function blockNumbers(bytes: Uint8Array, type: BlockType): Float32Array {
  const { elements, bytes: size } = blockTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.byteLength / size;
  const numbers = new Float32Array(blocks * elements);
  for (let i = 0; i < blocks; i++) readers[type](view, i * size, numbers.subarray(i * elements, (i + 1) * elements));
  return numbers;
}

const f = Math.fround;
const half = (view: DataView, at: number) => fromHalf(view.getUint16(at, true));
/** The i-th of 32 numbers of four bits in 16 bytes: low halves first. */
const nibble = (view: DataView, at: number, i: number) => (view.getUint8(at + (i & 15)) >> (i & 16 ? 4 : 0)) & 15;
const bit = (view: DataView, at: number, i: number) => (view.getUint8(at + (i >> 3)) >> (i & 7)) & 1;
/** The i-th of 256 in groups of 32 bytes, each byte shared by `8 / width` numbers that are 32 apart. */
const packed = (view: DataView, at: number, i: number, width: number) => {
  const per = 8 / width;
  const group = Math.floor(i / (32 * per));
  return (view.getUint8(at + 32 * group + (i & 31)) >> (width * ((i >> 5) % per))) & ((1 << width) - 1);
};

const readers: Readonly<Record<BlockType, ReadBlock>> = {
  Q8_0: (v, at, out) => {
    const d = half(v, at);
    for (let i = 0; i < 32; i++) out[i] = d * v.getInt8(at + 2 + i);
  },
  Q4_0: (v, at, out) => {
    const d = half(v, at);
    for (let i = 0; i < 32; i++) out[i] = d * (nibble(v, at + 2, i) - 8);
  },
  Q4_1: (v, at, out) => {
    const [d, m] = [half(v, at), half(v, at + 2)];
    for (let i = 0; i < 32; i++) out[i] = f(d * nibble(v, at + 4, i)) + m;
  },
  Q5_0: (v, at, out) => {
    const d = half(v, at);
    for (let i = 0; i < 32; i++) out[i] = d * ((nibble(v, at + 6, i) | (bit(v, at + 2, i) << 4)) - 16);
  },
  Q5_1: (v, at, out) => {
    const [d, m] = [half(v, at), half(v, at + 2)];
    for (let i = 0; i < 32; i++) out[i] = f(d * (nibble(v, at + 8, i) | (bit(v, at + 4, i) << 4))) + m;
  },
  Q2_K: (v, at, out) => {
    const [d, min] = [half(v, at + 80), half(v, at + 82)];
    for (let i = 0; i < 256; i++) {
      const scale = v.getUint8(at + (i >> 4));
      out[i] = f(f(d * (scale & 15)) * packed(v, at + 16, i, 2)) - f(min * (scale >> 4));
    }
  },
  Q3_K: (v, at, out) => {
    const d = half(v, at + 108);
    for (let i = 0; i < 256; i++) {
      const j = i >> 4;
      const low = (v.getUint8(at + 96 + (j & 7)) >> (j < 8 ? 0 : 4)) & 15;
      const scale = (low | (((v.getUint8(at + 104 + (j & 3)) >> (2 * (j >> 2))) & 3) << 4)) - 32;
      const q = packed(v, at + 32, i, 2) - (packed(v, at, i, 1) ? 0 : 4);
      out[i] = f(d * scale) * q;
    }
  },
  Q4_K: (v, at, out) => {
    const [d, min] = [half(v, at), half(v, at + 2)];
    for (let i = 0; i < 256; i++) {
      const [scale, m] = sixBits(v, at + 4, i >> 5);
      out[i] = f(f(d * scale) * packed(v, at + 16, i, 4)) - f(min * m);
    }
  },
  Q5_K: (v, at, out) => {
    const [d, min] = [half(v, at), half(v, at + 2)];
    for (let i = 0; i < 256; i++) {
      const [scale, m] = sixBits(v, at + 4, i >> 5);
      const q = packed(v, at + 48, i, 4) | (packed(v, at + 16, i, 1) << 4);
      out[i] = f(f(d * scale) * q) - f(min * m);
    }
  },
  Q6_K: (v, at, out) => {
    const d = half(v, at + 208);
    for (let i = 0; i < 256; i++) {
      const low = (v.getUint8(at + 64 * (i >> 7) + (i & 63)) >> (i & 64 ? 4 : 0)) & 15;
      const q = (low | (packed(v, at + 128, i, 2) << 4)) - 32;
      out[i] = f(d * v.getInt8(at + 192 + (i >> 4))) * q;
    }
  },
};

/** The j-th of eight scales and minima of six bits in 12 bytes. */
function sixBits(v: DataView, at: number, j: number): [scale: number, min: number] {
  if (j < 4) return [v.getUint8(at + j) & 63, v.getUint8(at + 4 + j) & 63];
  const both = v.getUint8(at + 4 + j);
  const top = (byte: number) => (v.getUint8(byte) >> 6) << 4;
  return [(both & 15) | top(at + j - 4), (both >> 4) | top(at + j)];
}
