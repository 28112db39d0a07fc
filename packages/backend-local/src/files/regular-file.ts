import { realpath, stat } from "node:fs/promises";
import { modelError } from "./model-error.ts";

/** A file that can be read to its end. */
export interface RegularFile {
  /** With symbolic links resolved. */
  path: string;
  /** In bytes. */
  size: number;
}

/**
 * Makes sure that `path` is a file before anything is read from it: a named pipe or a device would never come to an end.
 *
 * @throws {@link ModelError} when it is missing, is no file, or is larger than `maxBytes`.
 */
export async function regularFile(path: string, maxBytes = Number.POSITIVE_INFINITY): Promise<RegularFile> {
  const file = await optionalFile(path, maxBytes);
  if (file === undefined) throw modelError("missing", `${path} is missing`, { file: path });
  return file;
}

/** {@link regularFile}, or undefined where there is nothing of that name. */
export async function optionalFile(path: string, maxBytes: number): Promise<RegularFile | undefined> {
  const found = await look(path);
  if (found === undefined) return undefined;
  const { real, stats } = found;
  if (!stats.isFile()) throw modelError("malformed", `${path} is not a file`, { file: path });
  if (stats.size > maxBytes) {
    const message = `${path} has ${stats.size} bytes; at most ${maxBytes} are plausible`;
    throw modelError("malformed", message, { file: path });
  }
  return { path: real, size: stats.size };
}

async function look(path: string) {
  try {
    const real = await realpath(path);
    return { real, stats: await stat(real) };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw modelError("missing", `${path} cannot be read: ${message}`, { file: path, cause });
  }
}
