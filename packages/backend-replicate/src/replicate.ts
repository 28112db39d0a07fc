import { ConfigError } from "@latentkit/core";
import { ReplicateBackend } from "./replicate-backend.ts";
import { backendId } from "./replicate-error.ts";
import type { ReplicateOptions } from "./replicate-options.ts";

/**
 * A backend that runs requests on Replicate, or on a Cog server of one's own.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: replicate({ model: "black-forest-labs/flux-schnell" }) });
 * const cog = createClient({ backend: replicate({ url: "http://localhost:5000" }) });
 * ```
 * @throws ConfigError for wrong options, or when no token is given and `REPLICATE_API_TOKEN` is not set.
 */
export function replicate(options: ReplicateOptions = {}): ReplicateBackend {
  return new ReplicateBackend(options);
}

/**
 * The backend from a configuration file's options. The token comes from the environment alone.
 *
 * @throws ConfigError for wrong options, a token among them, or a missing token.
 */
export function fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): ReplicateBackend {
  if ("token" in options)
    throw new ConfigError("replicate: token does not belong in a configuration file: set REPLICATE_API_TOKEN", {
      backend: backendId,
    });
  return new ReplicateBackend(options as ReplicateOptions, env);
}
