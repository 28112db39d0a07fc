import { createHash } from "node:crypto";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { InputRules } from "../image/input-rules.ts";
import { hashImageSource, loadImageSource } from "../image/load-image-source.ts";
import { type ImageSource, ImageSourceSchema, isHashed } from "../request/image-source.ts";
import { inputFiles, mapInputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";

/**
 * A request as its recipe holds it: inputs that were given as bytes by their hash and size, unless `output.embedInputs` asks for the bytes.
 * A chain of edits so stays small, and no picture carries the ones that it was made from.
 */
export function withoutBytes(request: GenerationRequest): GenerationRequest {
  if (request.output.embedInputs === true) return request;
  return mapInputFiles(request, (source) => {
    if (!("base64" in source)) return source;
    const bytes = Buffer.from(source.base64, "base64");
    return { sha256: source.sha256 ?? createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
  });
}

/** A file that may stand in for an input that a recipe tells by its hash: a path, a URL, or bytes. */
export type InputFile = string | URL | Uint8Array;

/**
 * Puts files in the place of the inputs that a recipe tells only by their hash; those that match none stay as they are.
 *
 * @throws InvalidRequestError for a file that cannot be read.
 */
export async function withInputs(
  request: GenerationRequest,
  files: readonly InputFile[],
  signal: AbortSignal,
  rules: InputRules = {},
): Promise<GenerationRequest> {
  if (!inputFiles(request).some(({ source }) => isHashed(source))) return request;
  const found = new Map<string, ImageSource>();
  for (const [i, file] of files.entries()) {
    const field = `inputs[${i}]`;
    const source = await atHand(file, field, signal, rules);
    found.set(await hashImageSource(source, { ...rules, field, signal }), source);
  }
  return mapInputFiles(request, (source) => (isHashed(source) ? (found.get(source.sha256) ?? source) : source));
}

/** A file as a source, brought here where it lies on a server. */
async function atHand(file: InputFile, field: string, signal: AbortSignal, rules: InputRules): Promise<ImageSource> {
  const parsed = ImageSourceSchema.safeParse(file);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InvalidRequestError([{ field, message: issue?.message ?? "must be a file" }]);
  }
  if (!("url" in parsed.data)) return parsed.data;
  return { base64: Buffer.from(await loadImageSource(parsed.data, { ...rules, field, signal })).toString("base64") };
}
