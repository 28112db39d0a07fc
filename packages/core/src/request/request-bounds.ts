import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { Issue } from "../errors/issue.ts";

/** Characters that a prompt may have, unless `maxPromptLength` says otherwise: some hundred times what any model reads. */
export const defaultMaxPromptLength = 32_768;
/** Values that a request may hold, counting each entry of each list and object. */
const maxValues = 20_000;
const maxDepth = 32;
const maxKeyLength = 200;
/** Names, numbers as text and other words. */
const maxWordLength = 4096;
/** Paths and URLs. */
const maxPathLength = 32_768;
const maxIssues = 20;

const prompts = new Set(["prompt", "negativePrompt"]);
const files = new Set(["image", "mask", "latent"]);

/**
 * Holds a request against the bounds of its size, before anything looks at what it says: no later check then costs more than a request is
 * worth. Bytes have limits of their own.
 *
 * @throws InvalidRequestError naming each field that is too large.
 */
export function checkBounds(request: object, maxPromptLength = defaultMaxPromptLength): void {
  const issues: Issue[] = [];
  let values = 0;
  const add = (field: string, message: string, max: number) => {
    if (issues.length < maxIssues) issues.push({ field: field.slice(0, maxKeyLength), message, allowed: { max } });
  };
  const visit = (value: unknown, field: string, name: string, top: string, depth: number): boolean => {
    if (++values > maxValues) {
      add(top, `the request holds more than ${maxValues} values`, maxValues);
      return false;
    }
    if (typeof value === "string") {
      const [most, what] = longest(value, name, top, maxPromptLength);
      if (value.length > most) add(field, `has ${value.length} characters; at most ${most} are taken${what}`, most);
      return true;
    }
    if (typeof value !== "object" || value === null || !isPlain(value)) return true;
    if (depth >= maxDepth) {
      add(field, `is nested more than ${maxDepth} deep`, maxDepth);
      return false;
    }
    // A latent's numbers are data; how many they may be is told by its shape.
    if (top === "latent" && name === "data" && Array.isArray(value)) return true;
    if (Array.isArray(value)) return value.every((entry, i) => visit(entry, `${field}[${i}]`, name, top, depth + 1));
    for (const key of Object.keys(value)) {
      if (key.length > maxKeyLength)
        add(field, `has a key of ${key.length} characters; at most ${maxKeyLength} are taken`, maxKeyLength);
      const inner = (value as Record<string, unknown>)[key];
      if (!visit(inner, field === "" ? key : `${field}.${key.slice(0, maxKeyLength)}`, key, top || key, depth + 1))
        return false;
    }
    return true;
  };
  visit(request, "", "", "", 0);
  if (issues.length > 0) throw new InvalidRequestError(issues);
}

/** The longest that a string may be, and whose option it is. */
function longest(value: string, name: string, top: string, maxPromptLength: number): [number, string] {
  if (top === "backendOptions") return [Number.POSITIVE_INFINITY, ""];
  if (prompts.has(name)) return [maxPromptLength, " (the client's maxPromptLength)"];
  const isFile = files.has(name) || ["path", "url", "base64"].includes(name);
  if (!isFile) return [maxWordLength, ""];
  return name === "base64" || /^data:/i.test(value) ? [Number.POSITIVE_INFINITY, ""] : [maxPathLength, ""];
}

/** Lists, and objects that are nothing else: bytes, pictures and files are not looked into. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || prototype === Object.prototype;
}
