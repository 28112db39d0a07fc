import { UsageError } from "../report-error.ts";

/** One `--set path=value`. */
export interface Setting {
  path: (string | number)[];
  /** Undefined where the field is to be removed. */
  value: unknown;
}

const forbidden = ["__proto__", "constructor", "prototype"];

/**
 * Reads `path=value`: the path as in the request (`guidance.rescale`, `loras[0].strength`), the value as JSON, or else as text. An empty
 * value removes the field.
 *
 * @throws UsageError
 */
export function readSetting(text: string): Setting {
  const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text) ?? [];
  const path = (name ?? "").split(/\.|\[(\d+)\]/).filter((part) => part !== undefined && part !== "");
  if (name === undefined || path.length === 0 || path.some((part) => forbidden.includes(part)))
    throw new UsageError(`--set: must be path=value, such as guidance.rescale=0.7, not ${JSON.stringify(text)}`);
  return { path: path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)), value: readValue(value ?? "") };
}

/** A request with settings put in. @throws UsageError where a path leads through something that has no fields. */
export function withSettings<R extends object>(request: R, settings: readonly Setting[]): R {
  const whole = structuredClone(request) as Record<string | number, unknown>;
  for (const { path, value } of settings) put(whole, path, value);
  return whole as R;
}

type Holder = Record<string | number, unknown>;

function put(holder: Holder, path: readonly (string | number)[], value: unknown): void {
  let at = holder;
  for (const [i, key] of path.slice(0, -1).entries()) {
    checkIndex(at, key, path);
    if (!Object.hasOwn(at, key)) at[key] = typeof path[i + 1] === "number" ? [] : {};
    const next = at[key];
    if (typeof next !== "object" || next === null)
      throw new UsageError(`--set: ${path.slice(0, i + 1).join(".")} has no fields; it is ${JSON.stringify(next)}`);
    at = next as Holder;
  }
  const key = path.at(-1)!;
  checkIndex(at, key, path);
  if (value === undefined) {
    if (Array.isArray(at)) at.splice(key as number, 1);
    else delete at[key];
  } else at[key] = value;
}

/** A list takes its own entries and one more, and has no fields by name. */
function checkIndex(at: Holder, key: string | number, path: readonly (string | number)[]): void {
  if (!Array.isArray(at) || (typeof key === "number" && key <= at.length)) return;
  throw new UsageError(`--set: ${path.join(".")}: the list has ${at.length} entries, counted from 0`);
}

function readValue(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    // A seed beyond 2^53 stays exact as its digits.
    return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? text.trim() : value;
  } catch {
    return text;
  }
}
