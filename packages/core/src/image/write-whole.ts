import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** How a file is written. */
export interface WriteOptions {
  /** Fail with EEXIST where there is a file of that name. Default: it is replaced. */
  exclusive?: boolean;
}

/**
 * Writes a file whole or not at all, making folders as needed: under a temporary name beside it, which then takes its place. What was there
 * before stays where the disk is full or the process ends in between.
 *
 * @throws the file system's error.
 */
export async function writeWhole(
  path: string,
  bytes: Uint8Array,
  { exclusive = false }: WriteOptions = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const there = await stat(path).catch(() => undefined);
  // A pipe or a device is written to; it has no place to take.
  if (there !== undefined && !there.isFile() && !exclusive) return writeFile(path, bytes);
  // A link stays a link: the file that it leads to is replaced.
  const target = there === undefined || exclusive ? path : await realpath(path);
  const temporary = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeFile(temporary, bytes, { flag: "wx" });
    if (there !== undefined) await chmod(temporary, there.mode).catch(() => {});
    if (exclusive) await moveNew(temporary, target, bytes);
    else await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** A second name for the file fails where the name is taken; not every file system has second names. */
async function moveNew(temporary: string, target: string, bytes: Uint8Array): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    await writeFile(target, bytes, { flag: "wx" });
  }
}
