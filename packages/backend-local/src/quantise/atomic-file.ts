import { type FileHandle, open, rename, rm } from "node:fs/promises";

/** Writes a file so that it is there whole or not at all: beside its place, and moved there at the end. */
export async function atomicFile(
  path: string,
  write: (put: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const unfinished = `${path}.${process.pid}.unfinished`;
  let handle: FileHandle | undefined;
  try {
    handle = await open(unfinished, "wx");
    const own = handle;
    await write(async (bytes) => {
      for (let at = 0; at < bytes.length; ) at += (await own.write(bytes, at, bytes.length - at)).bytesWritten;
    });
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(unfinished, path);
  } catch (error) {
    await handle?.close();
    await rm(unfinished, { force: true });
    throw error;
  }
}
