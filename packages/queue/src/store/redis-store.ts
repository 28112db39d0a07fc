import { ConfigError } from "@latentkit/core";
import type { Redis } from "ioredis";
import type { ObjectStore } from "./object-store.ts";

/** Redis as a store, for small pictures: it holds all in memory. */
export function redisStore(
  redis: Redis,
  keyOf: (key: string) => string,
  keepMs: number,
  maxBytes = 262_144,
): ObjectStore {
  return {
    async put(key, bytes) {
      if (bytes.length > maxBytes)
        throw new ConfigError(
          `queue: store: a file of ${bytes.length} bytes is too large for Redis, which keeps all in memory (${maxBytes} at most): give a store, such as fileStore(folder)`,
        );
      await redis.set(keyOf(key), Buffer.from(bytes), "PX", Math.round(keepMs));
    },
    async get(key) {
      return (await redis.getBuffer(keyOf(key))) ?? undefined;
    },
  };
}
