import { type Backend, ConfigError } from "@latentkit/core";
import { QueueBackend } from "./queue-backend.ts";
import { backendId, type QueueOptions, resolveQueueOptions } from "./queue-options.ts";

/**
 * The backend from a configuration file or the command line. `REDIS_URL` gives the address where neither `connection` nor `url` does; a
 * password belongs there, not into a file.
 *
 * @throws ConfigError naming the option that is wrong.
 */
export function fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): Backend {
  return new QueueBackend(resolveQueueOptions(withAddress(options, env) as QueueOptions));
}

/** Options with the address that the environment or the command line gives. */
export function withAddress(options: Record<string, unknown>, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const { url, connection = url ?? (env.REDIS_URL || undefined), ...own } = options;
  if (typeof connection === "string" && connection === url && URL.parse(connection)?.password)
    throw new ConfigError("queue: connection: its password does not belong here: set REDIS_URL", {
      backend: backendId,
    });
  return connection === undefined ? own : { ...own, connection };
}
