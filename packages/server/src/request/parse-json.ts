import { InvalidRequestError } from "@latentkit/core";

/** Objects and lists that a body may hold, their keys, and values in them: JSON of millions takes a hundred times its length in memory. */
const [maxParts, maxKeys, maxCommas, maxDepth] = [50_000, 100_000, 5_000_000, 100];

/**
 * Reads JSON from bytes that a stranger sent.
 *
 * @throws InvalidRequestError where it is none, has too many parts, or is too deep.
 */
export function parseJson(bytes: Uint8Array, what = "the body"): unknown {
  const refused = (message: string, cause?: unknown) => new InvalidRequestError([{ field: "", message }], { cause });
  const problem = tooMuch(bytes);
  if (problem !== undefined) throw refused(`${what} ${problem}`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return hasLongNumber.test(text) ? JSON.parse(text, exactly) : JSON.parse(text);
  } catch (cause) {
    throw refused(`${what} is not JSON in UTF-8`, cause);
  }
}

const hasLongNumber = /[:[,]\s{0,100}\d{16}/;

/** A seed of 64 bits keeps its digits, as text: by ECMAScript's "JSON.parse source text access". */
function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^\d{16,20}$/.test(source) ? source : value;
}

/** Counts what stands outside of texts. */
function tooMuch(bytes: Uint8Array): string | undefined {
  let [parts, keys, commas, depth, isText] = [0, 0, 0, 0, false];
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes[i];
    if (isText) {
      if (code === 0x5c) i++;
      else if (code === 0x22) isText = false;
    } else if (code === 0x22) isText = true;
    else if (code === 0x3a && ++keys > maxKeys) return `holds more than ${maxKeys} keys`;
    else if (code === 0x2c && ++commas > maxCommas) return `holds more than ${maxCommas} values`;
    else if (code === 0x5b || code === 0x7b) {
      if (++parts > maxParts) return `holds more than ${maxParts} lists and objects`;
      if (++depth > maxDepth) return `is nested more than ${maxDepth} deep`;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return undefined;
}
