/** One thing wrong with the caller's input: which field, why, and what would be right. */
export interface DiffusionIssue {
  field: string;
  message: string;
  allowed?: readonly (string | number)[];
}

/** Input to the diffusion maths that makes no sense; thrown before any work is done. */
export class DiffusionInputError extends Error {
  readonly code = "invalid_request";
  readonly issues: readonly DiffusionIssue[];
  constructor(issues: readonly DiffusionIssue[]) {
    super(issues.map(describe).join("; "));
    this.name = "DiffusionInputError";
    this.issues = issues;
  }
}

/** Throws the typed error for one wrong field. */
export function invalid(field: string, message: string, allowed?: readonly (string | number)[]): never {
  throw new DiffusionInputError([allowed ? { field, message, allowed } : { field, message }]);
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

function describe({ field, message, allowed }: DiffusionIssue): string {
  return allowed ? `${field}: ${message}; allowed: ${allowed.join(", ")}` : `${field}: ${message}`;
}
