import { rotateColumns } from "../files/rotate-columns.ts";
import { toHalf } from "../files/to-float32.ts";

/** Rows in fewer bits, and one scale for each where the format has such. */
export interface QuantisedRows {
  bytes: Uint8Array;
  scales?: Float32Array;
}

const { fround } = Math;

/**
 * int8 with a scale for each row, its largest number being ±127, after its columns were rotated in groups of `rotation` where that is given:
 * as `comfy_kitchen` quantises.
 */
export function int8Rows(values: Float32Array, columns: number, rotation?: number): QuantisedRows {
  const rotated = rotation === undefined ? values : rotateColumns(values.slice(), rotation);
  const bytes = new Int8Array(values.length);
  const scales = new Float32Array(values.length / columns);
  for (const row of scales.keys()) {
    const own = rotated.subarray(row * columns, (row + 1) * columns);
    const scale = Math.max(fround(largest(own) / 127), fround(1e-30));
    scales[row] = scale;
    for (let i = 0; i < columns; i++) bytes[row * columns + i] = clamp(halfEven(fround(own[i]! / scale)), -128, 127);
  }
  return { bytes: new Uint8Array(bytes.buffer), scales };
}

/** fp8 e4m3 of each number over `scale`, rounded to the nearest, ties to even; beyond ±448 it is that. */
export function fp8(values: Float32Array, scale = 1): Uint8Array {
  const bits = new Uint32Array(1);
  const number = new Float32Array(bits.buffer);
  return Uint8Array.from(values, (value) => {
    number[0] = scale === 1 ? value : value / scale;
    const word = bits[0]!;
    const [sign, size] = [(word >>> 24) & 0x80, word & 0x7fffffff];
    if (size > 0x7f800000) return sign | 0x7f;
    if (size >= 0x43e00000) return sign | 0x7e;
    // Below the smallest normal number, 2^-6: in steps of 2^-9.
    if (size < 0x3c800000) return sign | halfEven(Math.abs(number[0]!) * 512);
    return sign | Math.min(0x7e, ((size + 0x7ffff + ((size >>> 20) & 1)) >>> 20) - (120 << 3));
  });
}

/** GGUF's Q8_0: blocks of 32, each a half-precision scale and as many int8. As gguf's own quantize. */
export function q8_0(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34);
  for (let block = 0; block < values.length / 32; block++) {
    const own = values.subarray(block * 32, block * 32 + 32);
    const d = fround(largest(own) / 127);
    const rate = d === 0 ? 0 : fround(1 / d);
    putHalf(bytes, block * 34, d);
    for (let i = 0; i < 32; i++) bytes[block * 34 + 2 + i] = awayFromZero(fround(own[i]! * rate));
  }
  return bytes;
}

/** GGUF's Q4_0: blocks of 32, each a half-precision scale and as many numbers of four bits from -8. As gguf's own quantize. */
export function q4_0(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 18);
  for (let block = 0; block < values.length / 32; block++) {
    const own = values.subarray(block * 32, block * 32 + 32);
    const peak = own.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const d = fround(peak / -8);
    const rate = d === 0 ? 0 : fround(1 / d);
    putHalf(bytes, block * 18, d);
    const four = (i: number) => clamp(Math.trunc(fround(own[i]! * rate + 8.5)), 0, 15);
    for (let i = 0; i < 16; i++) bytes[block * 18 + 2 + i] = four(i) | (four(i + 16) << 4);
  }
  return bytes;
}

/** The largest magnitude. */
export function largest(values: Float32Array): number {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

function putHalf(bytes: Uint8Array, at: number, value: number): void {
  const [bits = 0] = toHalf(Float32Array.of(value));
  bytes[at] = bits & 0xff;
  bytes[at + 1] = bits >> 8;
}

function halfEven(value: number): number {
  const floor = Math.floor(value);
  const over = value - floor;
  return over > 0.5 || (over === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

function awayFromZero(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
