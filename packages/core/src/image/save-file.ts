import type { WriteOptions } from "./write-whole.ts";

/**
 * Writes a file whole or not at all, making folders as needed: what was there before stays where the disk is full or the process ends in
 * between.
 *
 * @throws the file system's error; with `exclusive` one of code `EEXIST` where there is a file of that name.
 */
export async function saveFile(path: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
  const { writeWhole } = await import("./write-whole.ts");
  await writeWhole(path, bytes, options);
}
