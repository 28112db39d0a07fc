import { ConfigError } from "@latentkit/core";
import type { ObjectStore } from "./object-store.ts";

/** What of an unstorage `Storage` is used. */
export interface RawStorage {
  setItemRaw(key: string, value: Uint8Array): Promise<void>;
  getItemRaw(key: string): Promise<unknown>;
}

/**
 * Whatever [unstorage](https://unstorage.unjs.io) has a driver for, S3 and what is compatible with it among them.
 *
 * @example
 * ```ts
 * const store = unstorageStore(createStorage({ driver: s3Driver({ bucket, endpoint, region, accessKeyId, secretAccessKey }) }));
 * ```
 */
export function unstorageStore(storage: RawStorage): ObjectStore {
  if (typeof storage?.setItemRaw !== "function" || typeof storage.getItemRaw !== "function")
    throw new ConfigError("unstorageStore: must be given a storage of unstorage");
  // Its keys have colons where paths have slashes.
  const keyOf = (key: string) => key.replaceAll("/", ":");
  return {
    put: (key, bytes) => storage.setItemRaw(keyOf(key), bytes),
    async get(key) {
      const found = await storage.getItemRaw(keyOf(key));
      if (found === null || found === undefined) return undefined;
      if (found instanceof ArrayBuffer) return new Uint8Array(found);
      if (found instanceof Uint8Array) return found;
      if (typeof found === "string") return Buffer.from(found, "latin1");
      throw new Error(`the storage gave no bytes for ${key}`);
    },
  };
}
