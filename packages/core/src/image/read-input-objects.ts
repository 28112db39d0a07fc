import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { isBlob, isImageFile } from "../request/image-object.ts";

/**
 * A request whose pictures are given as objects (a `Blob` or `File`, a `GeneratedImage`, an event's picture), with their bytes in their
 * place. A generated picture goes in without its recipe: what was made with what stays out of the next one's input.
 *
 * @throws InvalidRequestError naming the field of a picture that cannot be read.
 */
export async function readInputObjects(input: unknown): Promise<unknown> {
  if (typeof input !== "object" || input === null) return input;
  const read: Record<string, unknown> = { ...(await withBytes(input, ["image", "mask", "latent"], "")) };
  for (const field of ["conditioning", "refine"]) {
    const entries = read[field];
    if (!Array.isArray(entries)) continue;
    read[field] = await Promise.all(entries.map((entry, i) => withBytes(entry, ["image", "mask"], `${field}[${i}].`)));
  }
  return read;
}

async function withBytes<T>(holder: T, fields: readonly string[], path: string): Promise<T> {
  if (typeof holder !== "object" || holder === null) return holder;
  const changed: Record<string, unknown> = {};
  for (const field of fields) {
    const value = (holder as Record<string, unknown>)[field];
    if (isBlob(value) || isImageFile(value)) changed[field] = await bytesOf(value, path + field);
  }
  return Object.keys(changed).length === 0 ? holder : { ...holder, ...changed };
}

async function bytesOf(value: unknown, field: string): Promise<Uint8Array> {
  try {
    if (isImageFile(value)) return await value.bytes("png", { embedRecipe: false });
    return new Uint8Array(await (value as Blob).arrayBuffer());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidRequestError([{ field, message: `cannot be read: ${why}` }], { cause });
  }
}
