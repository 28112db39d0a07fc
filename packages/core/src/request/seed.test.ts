import { expect, it } from "vitest";
import { randomSeed, SeedSchema, seedOfImage } from "./seed.ts";

it("keeps a seed exact at every size", () => {
  expect(SeedSchema.parse(0)).toBe(0);
  expect(SeedSchema.parse(7n)).toBe(7);
  expect(SeedSchema.parse("12")).toBe(12);
  expect(SeedSchema.parse(2n ** 53n)).toBe("9007199254740992");
});

it("gives picture i seed + i, wrapping at 2^64", () => {
  expect(seedOfImage(41, 1)).toBe(42);
  expect(seedOfImage(Number.MAX_SAFE_INTEGER, 1)).toBe("9007199254740992");
  expect(seedOfImage("18446744073709551615", 1)).toBe(0);
});

it("draws random seeds of 32 bits", () => {
  const seeds = Array.from({ length: 50 }, randomSeed);
  expect(new Set(seeds).size).toBeGreaterThan(45);
  for (const seed of seeds) expect(seed).toBeLessThan(2 ** 32);
});
