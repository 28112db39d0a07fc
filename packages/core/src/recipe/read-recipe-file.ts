import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { RecipeError } from "../errors/recipe-error.ts";

/**
 * The bytes of a file that a recipe may be in.
 *
 * @throws RecipeError for what is no file, such as a device, or has more bytes; else the file system's error.
 */
export async function readRecipeFile(path: string | URL, maxBytes: number): Promise<Buffer> {
  const refuse = (why: string) => {
    return new RecipeError(`The file ${why}: ${path}`, { details: { file: String(path) } });
  };
  const tooLarge = () => refuse(`has more than ${maxBytes} bytes, and is not read`);
  const stats = await stat(path);
  // A device may never end; a pipe may be what another program writes.
  if (!stats.isFile() && !stats.isFIFO()) throw refuse("is not a regular file");
  if (stats.size > maxBytes) throw tooLarge();
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) throw tooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}
