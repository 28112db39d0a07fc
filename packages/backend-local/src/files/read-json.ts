import { readFile } from "node:fs/promises";
import { foreignContent } from "./foreign-content.ts";
import { modelError } from "./model-error.ts";
import { nestsDeeperThan } from "./nesting.ts";
import { optionalFile } from "./regular-file.ts";

/** Configs, indexes, CLIP's vocabulary: a few megabytes at most. */
const maxBytes = 8 * 1024 * 1024;

/** A language model's vocabulary is the largest text of a model: a tokenizer.json of 150,000 tokens has 11 MB, those of 250,000 three times that. */
export const largestText = 64 * 1024 * 1024;

/** A tokenizer.json is the deepest, at about ten levels. */
const maxDepth = 64;

/** A JSON file of a model, which must hold an object. @throws {@link ModelError} naming the file. */
export async function readJson(file: string): Promise<Record<string, unknown>> {
  const json = await readOptionalJson(file);
  if (json === undefined) throw modelError("missing", `${file} is missing`, { file });
  return json;
}

/** {@link readJson}, or undefined where there is no such file. One of more bytes than `max` is none of a model's. */
export async function readOptionalJson(file: string, max = maxBytes): Promise<Record<string, unknown> | undefined> {
  const text = await readOptionalText(file, max);
  return text === undefined ? undefined : parse(text, file);
}

/** A text file of a model, without the mark (BOM) that some editors begin it with. @throws {@link ModelError} */
export async function readText(file: string): Promise<string> {
  const text = await readOptionalText(file);
  if (text === undefined) throw modelError("missing", `${file} is missing`, { file });
  return text;
}

/** A text file of a model as it stands. @throws {@link ModelError} naming it. */
export async function readBytes(file: string): Promise<Buffer> {
  const bytes = await readOptionalBytes(file, largestText);
  if (bytes === undefined) throw modelError("missing", `${file} is missing`, { file });
  return bytes;
}

async function readOptionalText(file: string, max = maxBytes): Promise<string | undefined> {
  const text = (await readOptionalBytes(file, max))?.toString("utf8");
  return text?.startsWith("\ufeff") ? text.slice(1) : text;
}

async function readOptionalBytes(file: string, max = maxBytes): Promise<Buffer | undefined> {
  const found = await optionalFile(file, max);
  if (found === undefined) return undefined;
  const bytes = await readFile(found.path).catch((cause: Error) => {
    throw modelError("missing", `${file} cannot be read: ${cause.message}`, { file, cause });
  });
  const foreign = foreignContent(bytes);
  if (foreign !== undefined) throw modelError("malformed", `${file} is ${foreign}`, { file });
  return bytes;
}

function parse(text: string, file: string): Record<string, unknown> {
  if (nestsDeeperThan(text, maxDepth))
    throw modelError("malformed", `${file} nests deeper than ${maxDepth} levels`, { file });
  let json: unknown;
  try {
    json = JSON.parse(standardJson(text));
  } catch (cause) {
    throw modelError("malformed", `${file} is not JSON: ${(cause as Error).message}`, { file, cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw modelError("malformed", `${file} must hold a JSON object`, { file });
  return json as Record<string, unknown>;
}

/** Python writes infinities by name, as in DPMSolverMultistepScheduler's `lambda_min_clipped`; a number too large is one too. */
function standardJson(text: string): string {
  if (!/Infinity|NaN/.test(text)) return text;
  return text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) => {
    if (token.startsWith('"')) return token;
    return token === "NaN" ? "null" : token.replace("Infinity", "1e999");
  });
}
