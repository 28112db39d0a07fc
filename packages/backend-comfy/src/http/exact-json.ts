/** A JSON value in which whole numbers beyond 2^53 are bigints. */
export type Json = string | number | bigint | boolean | null | Json[] | { [key: string]: Json };

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

// Source text access (ECMA-262 proposal, in V8 since 11.4) is what keeps 64-bit seeds exact without a parser of our own.
const json = JSON as unknown as ExactJson;
const bigDigits = /\d{16}/;
// A text that is never closed is taken to its end at once: else each quote in it would be tried as a beginning.
const bareNumbers = /"(?:[^"\\]|\\.)*(?:"|$)|-?\bInfinity\b|\bNaN\b/g;

/**
 * Parses JSON as ComfyUI's Python writes it: whole numbers beyond 2^53 become bigints (seeds go up to 2^64-1), and the
 * bare words `NaN` and `Infinity`, which Python emits and JSON forbids, become `null`.
 *
 * @throws SyntaxError when the text is not JSON.
 */
export function parseExact(text: string): unknown {
  try {
    return bigDigits.test(text) ? json.parse(text, revive) : JSON.parse(text);
  } catch (error) {
    const mended = text.replace(bareNumbers, (match) => (match.startsWith('"') ? match : "null"));
    if (mended === text) throw error;
    return json.parse(mended, revive);
  }
}

/** JSON text in which bigints are written as whole numbers. */
export function stringifyExact(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, entry) => (typeof entry === "bigint" ? json.rawJSON(entry.toString()) : entry),
    indent,
  );
}

/** A number where that is exact, else a bigint. */
export function exactInteger(digits: string | number | bigint): number | bigint {
  const value = BigInt(digits);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
}

function revive(_: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
