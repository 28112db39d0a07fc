/** What each round multiplies by, and what it adds to the key. */
const FACTOR_0 = 0xd2511f53;
const FACTOR_2 = 0xcd9e8d57;
const KEY_LOW = 0x9e3779b9;
const KEY_HIGH = 0xbb67ae85;

/**
 * Philox4x32-10: writes the four words of the block at a counter, for a key, to `out`. Salmon et al. 2011
 * (https://doi.org/10.1145/2063384.2063405).
 */
export function philox4x32(out: Uint32Array, counter: Uint32Array, key: Uint32Array): void {
  let x0 = counter[0]! | 0;
  let x1 = counter[1]! | 0;
  let x2 = counter[2]! | 0;
  let x3 = counter[3]! | 0;
  let k0 = key[0]! | 0;
  let k1 = key[1]! | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = highWord(FACTOR_0, x0);
    const high2 = highWord(FACTOR_2, x2);
    const low0 = Math.imul(FACTOR_0, x0);
    const low2 = Math.imul(FACTOR_2, x2);
    x0 = high2 ^ x1 ^ k0;
    x1 = low2;
    x2 = high0 ^ x3 ^ k1;
    x3 = low0;
    k0 = (k0 + KEY_LOW) | 0;
    k1 = (k1 + KEY_HIGH) | 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/** The upper half of a 32 by 32 bit product, of 16-bit halves whose sums stay below 2^32: in whole numbers throughout, which is fast. */
function highWord(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
