import { readFile, stat } from "node:fs/promises";
import { modelError } from "../weights/model-error.ts";

/** A vocabulary is the largest JSON in a model folder, at a few megabytes. */
const maxBytes = 64 * 1024 * 1024;

/** A JSON file of a model, which must hold an object. @throws {@link ModelError} naming the file. */
export async function readJson(file: string): Promise<Record<string, unknown>> {
  const json = await readOptionalJson(file);
  if (json === undefined) throw modelError("missing", `${file} is missing`, { file });
  return json;
}

/** {@link readJson}, or undefined where there is no such file. */
export async function readOptionalJson(file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > maxBytes)
      throw modelError("malformed", `${file} has ${size} bytes; at most ${maxBytes} are plausible`, { file });
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "model") throw cause;
    throw modelError("missing", `${file} cannot be read: ${(cause as Error).message}`, { file, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(standardJson(text));
  } catch (cause) {
    throw modelError("malformed", `${file} is not JSON`, { file, cause });
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
