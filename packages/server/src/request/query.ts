import { InvalidRequestError } from "@latentkit/core";
import type { Call } from "../context.ts";

/** One of some words in a query. @throws InvalidRequestError naming them. */
export function choice<const T extends string>(c: Call, name: string, allowed: readonly T[]): T | undefined {
  const value = c.req.query(name);
  if (value === undefined) return undefined;
  if ((allowed as readonly string[]).includes(value)) return value as T;
  throw new InvalidRequestError([{ field: `?${name}`, message: `must be one of ${allowed.join(", ")}`, allowed }]);
}

/** A whole number in a query, or in a header. @throws InvalidRequestError naming its range. */
export function wholeNumber(value: string | undefined, field: string, min: number, max: number): number | undefined {
  if (value === undefined || value === "") return undefined;
  if (/^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new InvalidRequestError([
    { field, message: `must be a whole number from ${min} to ${max}`, allowed: { min, max } },
  ]);
}

/** True or false in a query; a bare name is true. */
export function flag(c: Call, name: string): boolean {
  const value = choice(c, name, ["true", "false", "1", "0", ""]);
  return value === "true" || value === "1" || value === "";
}
