import { invalid } from "../invalid.ts";

/** A seed: a whole number from 0 to 2⁶⁴ − 1; a bigint where a number can't hold it. */
export type Seed = number | bigint;

/** Checks a seed and splits it into its two 32-bit words. */
export function seedWords(seed: Seed): { low: number; high: number } {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!whole || seed < 0 || seed > 0xffff_ffff_ffff_ffffn)
    invalid("seed", `must be a whole number from 0 to 2^64 − 1 (a bigint above 2^53 − 1), not ${String(seed)}`);
  const value = BigInt(seed);
  return { low: Number(value & 0xffff_ffffn), high: Number(value >> 32n) };
}

/** `seed + offset`, wrapping at 2⁶⁴: image i of a request uses its seed + i. */
export function offsetSeed(seed: Seed, offset: number): Seed {
  seedWords(seed);
  const sum = BigInt.asUintN(64, BigInt(seed) + BigInt(offset));
  return typeof seed === "number" && sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : sum;
}
