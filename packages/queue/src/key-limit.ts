import { RateLimitError } from "@latentkit/core";
import type { Redis } from "ioredis";
import { backendId, type ResolvedQueueOptions } from "./queue-options.ts";

/**
 * The generic cell rate algorithm (ITU-T I.371), by Redis's own clock: each job has its place on a line along which `max` fit in `perMs`. A job
 * that is too early waits; one that would wait too long takes no place.
 */
const script = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local each = ARGV[2] / ARGV[1]
local line = math.max(tonumber(redis.call('get', KEYS[1]) or '0'), now) + each
local wait = math.ceil(line - ARGV[2] - now)
if wait > tonumber(ARGV[3]) then return wait end
redis.call('set', KEYS[1], tostring(line), 'PX', math.ceil(line - now) + 1000)
return math.max(wait, 0)`;

/**
 * Takes a place for a job under its key.
 *
 * @returns how long the job waits, in milliseconds.
 * @throws RateLimitError where that would be longer than the limit lets it.
 */
export async function takePlace(
  redis: Redis,
  redisKey: string,
  { max, perMs, waitMs }: NonNullable<ResolvedQueueOptions["limit"]>,
): Promise<number> {
  const wait = Number(await redis.eval(script, 1, redisKey, max, perMs, waitMs));
  if (wait <= waitMs) return wait;
  throw new RateLimitError(`There are ${max} jobs in ${perMs} ms for this key: the next may come in ${wait} ms.`, {
    backend: backendId,
    details: { retryAfterMs: wait },
  });
}
