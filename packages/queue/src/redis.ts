import { ConnectionError, LatentKitError, redact, registerSecret } from "@latentkit/core";
import { Redis } from "ioredis";
import { backendId } from "./queue-options.ts";

/** A connection to Redis that comes back by itself, and keeps its commands until it has. */
export function connect(connection: string | Record<string, unknown>): Redis {
  const own = {
    // What BullMQ asks for: commands wait for the connection to come back.
    maxRetriesPerRequest: null,
    enableReadyCheck: true,
    retryStrategy: (times: number) => Math.min(100 * 2 ** Math.min(times, 6), 2000),
  };
  if (typeof connection === "string") registerSecret(URL.parse(connection)?.password || undefined);
  else registerSecret(typeof connection.password === "string" ? connection.password : undefined);
  const redis =
    typeof connection === "string" ? new Redis(connection, own) : new Redis({ ...connection, ...own } as never);
  // Told where a command is waited for; without a listener it would end the process.
  redis.on("error", () => {});
  return redis;
}

/** Waits for Redis, but no longer than `ms`. @throws ConnectionError that may be tried again. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(
        new ConnectionError(`Redis did not answer within ${ms} ms (${what}).`, { backend: backendId, retryable: true }),
      ),
    ms,
  );
  try {
    return await Promise.race([work, late]);
  } catch (cause) {
    work.catch(() => {});
    if (LatentKitError.isInstance(cause)) throw cause;
    const message = redact(cause instanceof Error ? cause.message : String(cause));
    throw new ConnectionError(`Redis: ${what}: ${message}`, { cause, backend: backendId, retryable: true });
  } finally {
    clearTimeout(timer);
  }
}
