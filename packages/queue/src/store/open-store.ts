import type { Redis } from "ioredis";
import type { Keys } from "../keys.ts";
import { fileStore } from "./file-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { redisStore } from "./redis-store.ts";

/** The store that the options mean. */
export function openStore(
  store: string | ObjectStore | undefined,
  redis: Redis,
  keys: Keys,
  keepMs: number,
): ObjectStore {
  if (store === undefined) return redisStore(redis, keys.object, keepMs);
  return typeof store === "string" ? fileStore(store, { keepMs }) : store;
}
