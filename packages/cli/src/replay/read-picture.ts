import { readFile } from "node:fs/promises";
import { UsageError } from "../report-error.ts";

/** A file's bytes. @throws UsageError when it cannot be read. */
export async function readPicture(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === "ENOENT" ? "there is no such file" : `the file cannot be read (${cause.code ?? "unknown reason"})`;
    throw new UsageError(`${file}: ${why}`);
  });
}
