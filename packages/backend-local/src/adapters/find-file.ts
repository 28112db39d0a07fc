import { stat } from "node:fs/promises";
import { extname, isAbsolute, join, resolve, sep } from "node:path";
import { invalidField } from "../invalid-field.ts";

/** What a request calls by a path or, where there is a folder for its kind, by its name alone. */
export interface FileKind {
  /** For people, such as `"LoRA"`. */
  title: string;
  /** The option that names the folder, such as `"loraFolder"`, and what it says. */
  option: string;
  folder: string | undefined;
}

/** The file that a request means, by its absolute path. @throws InvalidRequestError saying where it was looked for. */
export async function findFile(name: string, field: string, { title, option, folder }: FileKind): Promise<string> {
  const isPath = isAbsolute(name) || name.includes("/") || name.includes(sep) || extname(name) === ".safetensors";
  const inFolder = folder === undefined ? [] : [join(folder, name), join(folder, `${name}.safetensors`)];
  const candidates = [...(isPath ? [name] : []), ...inFolder].map((path) => resolve(path));
  for (const path of candidates) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  const where =
    candidates.length === 0 ? `name its file, or give local() a ${option}` : `looked for ${candidates.join(", ")}`;
  throw invalidField(field, `there is no ${title} ${JSON.stringify(name.slice(0, 200))}: ${where}`);
}
