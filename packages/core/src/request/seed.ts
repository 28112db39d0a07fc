import * as z from "zod";

/** Largest seed: torch, ComfyUI and A1111 all take 64 unsigned bits. */
export const maxSeed = 2n ** 64n - 1n;

const range = "must be a whole number from 0 to 18446744073709551615 (2^64 - 1)";

/**
 * A seed, 0 to 2^64-1: a number, a bigint, or decimal digits. Parsed to a number where that is exact and to a decimal
 * string beyond 2^53, so that a request survives JSON.
 */
export const SeedSchema = z.union([z.number(), z.bigint(), z.string()]).transform((seed, context): number | string => {
  const value = toBigInt(seed);
  if (value === undefined || value < 0n || value > maxSeed) {
    const hint = typeof seed === "number" && seed > Number.MAX_SAFE_INTEGER ? "; pass a bigint above 2^53" : "";
    context.addIssue({ code: "custom", message: range + hint, input: seed });
    return z.NEVER;
  }
  return canonicalSeed(value);
});

/** The canonical JSON form of a seed: a number where exact, else decimal digits. */
export function canonicalSeed(seed: bigint): number | string {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed.toString();
}

/** Seed of image `index`: `seed + index`, wrapping at 2^64. */
export function seedOfImage(seed: number | string | bigint, index: number): number | string {
  return canonicalSeed((BigInt(seed) + BigInt(index)) % (maxSeed + 1n));
}

/** A fresh seed of 32 bits, or up to `max`: short enough to read aloud, and what torch's CPU generator tells apart. */
export function randomSeed(max = 2 ** 32 - 1): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % (Math.min(max, 2 ** 32 - 1) + 1);
}

function toBigInt(seed: number | bigint | string): bigint | undefined {
  if (typeof seed === "bigint") return seed;
  if (typeof seed === "number") return Number.isSafeInteger(seed) ? BigInt(seed) : undefined;
  return /^\d{1,20}$/.test(seed) ? BigInt(seed) : undefined;
}
