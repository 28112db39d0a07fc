import { readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ConfigError, saveFile } from "@latentkit/core";
import type { ObjectStore } from "./object-store.ts";

/** Settings of a folder as a store. */
export interface FileStoreOptions {
  /** Files that are older are removed, in milliseconds; looked for now and then as others are put. Default one day; Infinity keeps all. */
  keepMs?: number | undefined;
}

const betweenSweepsMs = 60_000;

/**
 * A folder as a store, which all sides see: one machine's, or one that is mounted.
 *
 * @throws ConfigError where the folder's name is empty.
 */
export function fileStore(folder: string, { keepMs = 86_400_000 }: FileStoreOptions = {}): ObjectStore {
  if (folder === "") throw new ConfigError("fileStore: must be given a folder");
  const root = resolve(folder);
  const pathOf = (key: string) => {
    if (!/^[\w-][\w./-]*$/.test(key) || key.split("/").includes("..")) throw new Error(`"${key}" is no key of a store`);
    return join(root, key);
  };
  let sweptAt = Date.now();
  return {
    async put(key, bytes) {
      await saveFile(pathOf(key), bytes);
      if (Date.now() - sweptAt < betweenSweepsMs || keepMs === Number.POSITIVE_INFINITY) return;
      sweptAt = Date.now();
      await sweep(root, sweptAt - keepMs).catch(() => {});
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
  };
}

/** Removes what is old, and the folders that are empty then. */
async function sweep(root: string, before: number): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(path)).mtimeMs > before) continue;
    await rm(path, { force: true });
    const parent = dirname(path);
    if (parent !== root && (await readdir(parent)).length === 0) await rm(parent, { recursive: true, force: true });
  }
}
