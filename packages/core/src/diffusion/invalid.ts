import { InvalidRequestError } from "../errors/invalid-request-error.ts";

/** Throws the typed error for one wrong field, before any work. */
export function invalid(field: string, message: string, allowed?: readonly (string | number)[]): never {
  const issue = allowed
    ? { field, message: `${message}; allowed: ${allowed.join(", ")}`, allowed }
    : { field, message };
  throw new InvalidRequestError([issue]);
}

/** Checks that `value` is an integer from `min` to `max`. */
export function requireInteger(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  return invalid(field, `must be a whole number from ${min} to ${max}, not ${String(value)}`);
}

/** Checks that `value` is a finite number from `min` to `max`. */
export function requireNumber(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  return invalid(field, `must be a number from ${min} to ${max}, not ${String(value)}`);
}
