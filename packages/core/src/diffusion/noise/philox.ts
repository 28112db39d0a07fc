import { requireInteger } from "../invalid.ts";
import { type Seed, seedWords } from "./seed.ts";

const f32 = Math.fround;
const TO_UNIT = f32(2.3283064e-10);
const HALF_UNIT = f32(2.3283064e-10 / 2);
const TO_ANGLE = f32(2.3283064e-10 * 6.2831855);
const HALF_ANGLE = f32((2.3283064e-10 * 6.2831855) / 2);

/**
 * `torch.randn` on a CUDA device, made on the CPU: Philox4x32-10 (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405) and cuRAND's
 * Box–Muller. It is what A1111 calls the NV source. Each draw is of one tensor that fits one grid (some millions of values); torch
 * uses faster approximations on the device, so values agree to about 1e-6.
 */
export class PhiloxGenerator {
  readonly #low: number;
  readonly #high: number;
  /** How many draws were made; each begins a new stretch of the stream. */
  #draws = 0;

  constructor(seed: Seed) {
    const { low, high } = seedWords(seed);
    this.#low = low;
    this.#high = high;
  }

  /** `torch.randn(n, device="cuda")`. */
  randn(n: number): Float32Array {
    const out = new Float32Array(requireInteger("n", n, 0, 2 ** 31));
    for (let i = 0; i < n; i++) {
      const [a, b] = philox(this.#draws, 0, i, 0, this.#low, this.#high);
      const u = f32(f32(a * TO_UNIT) + HALF_UNIT);
      const v = f32(f32(b * TO_ANGLE) + HALF_ANGLE);
      out[i] = f32(Math.sqrt(f32(-2 * f32(Math.log(u))))) * f32(Math.sin(v));
    }
    this.#draws++;
    return out;
  }
}

/** The first two words of a Philox4x32-10 block. */
function philox(a: number, b: number, c: number, d: number, keyLow: number, keyHigh: number): [number, number] {
  let [x0, x1, x2, x3] = [a, b, c, d];
  let [k0, k1] = [keyLow, keyHigh];
  for (let round = 0; round < 10; round++) {
    if (round > 0) {
      k0 = (k0 + 0x9e3779b9) >>> 0;
      k1 = (k1 + 0xbb67ae85) >>> 0;
    }
    const [high0, low0] = multiply(0xd2511f53, x0);
    const [high1, low1] = multiply(0xcd9e8d57, x2);
    [x0, x1, x2, x3] = [(high1 ^ x1 ^ k0) >>> 0, low1, (high0 ^ x3 ^ k1) >>> 0, low0];
  }
  return [x0, x1];
}

/** The high and low words of a 32 by 32 bit product. */
function multiply(a: number, b: number): [number, number] {
  const [aHigh, aLow] = [a >>> 16, a & 0xffff];
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const low = aLow * bLow;
  const middle = aHigh * bLow + Math.floor(low / 0x10000);
  const cross = aLow * bHigh + (middle % 0x10000);
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}
