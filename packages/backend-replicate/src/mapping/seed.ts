import { seedOfImage } from "@latentkit/core";
import type { InputProperty } from "../model/input-schema.ts";

/** Seed of picture `index`: `seed + index`, wrapping within what the model takes, so that no two are equal. */
export function seedFor(seed: number | string, index: number, property: InputProperty): number | string {
  const { min, max } = property;
  if (max === undefined) return seedOfImage(seed, index);
  const low = BigInt(Math.ceil(min ?? 0));
  const span = BigInt(Math.floor(max)) - low + 1n;
  return Number(low + ((BigInt(seed) - low + BigInt(index)) % span));
}

/** A seed as an input: a number where exact, else a bigint, which is sent with all its digits. */
export function seedInput(seed: number | string): number | bigint {
  return typeof seed === "number" ? seed : BigInt(seed);
}
