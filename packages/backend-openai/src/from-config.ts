import { type Backend, ConfigError } from "@latentkit/core";
import { OpenAiBackend } from "./openai-backend.ts";
import { backendId, type OpenAiOptions, resolveOptions } from "./openai-options.ts";

/**
 * The backend from a configuration file's options. Keys come from the environment alone: `OPENAI_API_KEY` for OpenAI, and for another
 * address the variable that `apiKeyFrom` names.
 *
 * @throws ConfigError naming the option that is wrong, or the variable that is missing.
 */
export function fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): Backend {
  const { apiKeyFrom, ...own } = options;
  if ("apiKey" in own)
    throw new ConfigError("openai: apiKey does not belong in a configuration file: set OPENAI_API_KEY", {
      backend: backendId,
    });
  if (apiKeyFrom !== undefined && (typeof apiKeyFrom !== "string" || apiKeyFrom === ""))
    throw new ConfigError("openai: apiKeyFrom: must be the name of a variable of the environment", {
      backend: backendId,
    });
  const named = apiKeyFrom === undefined ? undefined : env[apiKeyFrom];
  if (apiKeyFrom !== undefined && !named)
    throw new ConfigError(`openai: apiKeyFrom: ${apiKeyFrom} is not set`, { backend: backendId });
  return new OpenAiBackend(resolveOptions({ ...(own as OpenAiOptions), apiKey: named }, env));
}
