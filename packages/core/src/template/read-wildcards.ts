import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { NotFoundError } from "../errors/not-found-error.ts";

/**
 * The lists of a folder of text files, for `__name__` in a template: `colors.txt` is `colors`, one entry a line; empty lines, and those
 * that begin with `#`, are left out. A file in a folder of the folder has that in its name: `animals/birds`.
 *
 * @throws NotFoundError when the folder cannot be read.
 */
export async function readWildcards(folder: string): Promise<Record<string, string[]>> {
  const lists: Record<string, string[]> = {};
  const files = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new NotFoundError(`The folder of lists cannot be read: ${folder}`, { cause, details: { folder } });
  });
  for (const file of files.filter((name) => name.endsWith(".txt")).sort()) {
    const text = await readFile(join(folder, file), "utf8");
    const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
    const name = file.slice(0, -".txt".length).replaceAll("\\", "/");
    lists[name] = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  }
  return lists;
}
