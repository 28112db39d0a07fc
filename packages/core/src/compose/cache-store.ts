import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageError } from "../errors/image-error.ts";

/** Where a cache keeps its entries, which are texts. An unstorage `Storage` is one. */
export interface CacheStore {
  getItem(key: string): Promise<unknown> | unknown;
  setItem(key: string, value: string): Promise<unknown> | unknown;
  removeItem(key: string): Promise<unknown> | unknown;
}

/** Keeps entries in memory; the oldest go when they are more than `maxBytes` together, 256 MB by default. */
export function memoryStore({ maxBytes = 256 * 2 ** 20 }: { maxBytes?: number } = {}): CacheStore {
  const entries = new Map<string, string>();
  let bytes = 0;
  const removeItem = (key: string) => {
    bytes -= entries.get(key)?.length ?? 0;
    entries.delete(key);
  };
  return {
    getItem: (key) => entries.get(key),
    setItem(key, value) {
      removeItem(key);
      entries.set(key, value);
      bytes += value.length;
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        removeItem(oldest);
      }
    },
    removeItem,
  };
}

/** Keeps entries as files of a folder, which is made when it is needed. An entry appears whole or not at all. */
export function diskStore(folder: string): CacheStore {
  const pathOf = (key: string) => join(folder, `${key.replace(/[^\w-]/g, "_")}.json`);
  return {
    async getItem(key) {
      try {
        return await readFile(pathOf(key), "utf8");
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw unusable(folder, cause);
      }
    },
    async setItem(key, value) {
      const path = pathOf(key);
      const temporary = `${path}.${randomUUID()}.tmp`;
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(temporary, value);
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true }).catch(() => {});
        throw unusable(folder, cause);
      }
    },
    removeItem: (key) => rm(pathOf(key), { force: true }),
  };
}

function unusable(folder: string, cause: unknown): ImageError {
  const why = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
  return new ImageError(`The cache's folder cannot be used: ${folder} (${why}).`, { cause, details: { folder } });
}

/** A text with its hash before it, so that one that was cut short is told from a whole one. */
export function sealed(text: string): string {
  return `${createHash("sha256").update(text).digest("hex")}\n${text}`;
}

/** The text of a sealed one; undefined where it is not whole. */
export function unsealed(value: string): string | undefined {
  const text = value.slice(65);
  return sealed(text) === value ? text : undefined;
}
