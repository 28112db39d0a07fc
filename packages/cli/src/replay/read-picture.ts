import { readFile, stat } from "node:fs/promises";
import { UsageError } from "../report-error.ts";

/** As much as an input picture may have. */
const maxBytes = 256 * 2 ** 20;

/** @throws UsageError for a file that is larger than any that is read. */
export async function checkSize(file: string): Promise<void> {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size > maxBytes) throw new UsageError(`${file}: has ${size} bytes; at most ${maxBytes} are read`);
}

/** A file's bytes. @throws UsageError when it cannot be read. */
export async function readPicture(file: string): Promise<Uint8Array> {
  await checkSize(file);
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === "ENOENT" ? "there is no such file" : `the file cannot be read (${cause.code ?? "unknown reason"})`;
    throw new UsageError(`${file}: ${why}`);
  });
}
