import { roundedLog, roundedSinCos } from "./rounded-functions.ts";

/**
 * Box–Muller over blocks of 16, as torch's vectorised CPU build does it: to the last bit, which takes its polynomials (Cephes' logf,
 * sinf and cosf, fused multiply-adds, http://www.netlib.org/cephes/). A product of two float32 is exact in a double, so
 * `fround(a * b + c)` is a fused multiply-add but for a double rounding too rare to have been seen.
 */
const f32 = Math.fround;
const bits = new Int32Array(1);
const value = new Float32Array(bits.buffer);

export const LOGARITHM = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(f32) as [number, number, number, number, number, number, number, number, number];
const [L0, L1, L2, L3, L4, L5, L6, L7, L8] = LOGARITHM;
export const SQRT_HALF = f32(Math.SQRT1_2);
// ln 2 in two parts, the greater exact in few bits.
export const LN2_LOW = f32(-2.1219444e-4);
export const LN2_HIGH = f32(0.693359375);

/** ln x of a normal float32 x > 0. */
function logf(x: number): number {
  value[0] = x;
  let exponent = ((bits[0]! >>> 23) & 0xff) - 126;
  bits[0] = (bits[0]! & 0x007fffff) | 0x3f000000;
  const mantissa = value[0]!;
  let m = f32(mantissa - 1);
  if (mantissa < SQRT_HALF) {
    m = f32(m + mantissa);
    exponent -= 1;
  }
  const z = f32(m * m);
  let y = f32(L0 * m + L1);
  y = f32(y * m + L2);
  y = f32(y * m + L3);
  y = f32(y * m + L4);
  y = f32(y * m + L5);
  y = f32(y * m + L6);
  y = f32(y * m + L7);
  y = f32(y * m + L8);
  y = f32(f32(y * m) * z + f32(exponent * LN2_LOW));
  y = f32(y - z * 0.5);
  return f32(f32(m + y) + exponent * LN2_HIGH);
}

export const FOUR_OVER_PI = f32(4 / Math.PI);
// π/4 in three parts.
export const QUARTER_PI = three(-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8);
const [P1, P2, P3] = QUARTER_PI;
export const COSINE = three(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2);
const [C0, C1, C2] = COSINE;
export const SINE = three(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);
const [S0, S1, S2] = SINE;
export const TWO_PI = f32(2 * Math.PI);

/** Turns 16 uniforms at `from` into 16 normals: the first 8 are radii, the second 8 angles. */
export function boxMuller16(data: Float32Array, from: number): void {
  for (let j = from; j < from + 8; j++) {
    const radius = f32(Math.sqrt(f32(-2 * logf(f32(1 - data[j]!)))));
    const theta = f32(TWO_PI * data[j + 8]!);
    const octant = (Math.trunc(f32(theta * FOUR_OVER_PI)) + 1) & ~1;
    let r = f32(octant * P1 + theta);
    r = f32(octant * P2 + r);
    r = f32(octant * P3 + r);
    const z = f32(r * r);
    let c = f32(C0 * z + C1);
    c = f32(f32(c * z + C2) * z);
    c = f32(f32(c * z - f32(z * 0.5)) + 1);
    let s = f32(S0 * z + S1);
    s = f32(f32(s * z + S2) * z);
    s = f32(s * r + r);
    const swapped = (octant & 2) !== 0;
    const cos = (octant + 2) & 4 ? -(swapped ? s : c) : swapped ? s : c;
    const sin = octant & 4 ? -(swapped ? c : s) : swapped ? c : s;
    data[j] = radius * cos;
    data[j + 8] = radius * sin;
  }
}

function three(a: number, b: number, c: number): readonly [number, number, number] {
  return [f32(a), f32(b), f32(c)];
}

/**
 * {@link boxMuller16} in double precision, of true values rounded to nearest. torch asks the C library, whose logarithm and sine are off in
 * one of a thousand values: so are 2 of a thousand normals in the last bit, and 2 of ten thousand in two.
 */
export function boxMuller16Double(data: Float64Array, from: number): void {
  for (let j = from; j < from + 8; j++) {
    const radius = Math.sqrt(-2 * roundedLog(1 - data[j]!));
    const [sin, cos] = roundedSinCos(2 * Math.PI * data[j + 8]!);
    data[j] = radius * cos;
    data[j + 8] = radius * sin;
  }
}
