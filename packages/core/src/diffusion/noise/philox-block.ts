/** What each round multiplies by, and what it adds to the key. */
const [FACTOR_0, FACTOR_2] = [0xd2511f53, 0xcd9e8d57];
const [KEY_LOW, KEY_HIGH] = [0x9e3779b9, 0xbb67ae85];

/**
 * Philox4x32-10: writes the four words of the block at a counter, for a key, to `out`. Salmon et al. 2011
 * (https://doi.org/10.1145/2063384.2063405).
 */
export function philox4x32(out: Uint32Array, counter: Uint32Array, key: Uint32Array): void {
  let [x0, x1, x2, x3] = [counter[0]!, counter[1]!, counter[2]!, counter[3]!];
  let [k0, k1] = [key[0]!, key[1]!];
  for (let round = 0; round < 10; round++) {
    const high0 = highWord(FACTOR_0, x0);
    const high2 = highWord(FACTOR_2, x2);
    const [low0, low2] = [Math.imul(FACTOR_0, x0), Math.imul(FACTOR_2, x2)];
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

/** The upper half of a 32 by 32 bit product. */
function highWord(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle % 0x10000);
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000);
}
