import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Backend, ConfigError } from "@latentkit/core";
import { AiSdkBackend } from "./ai-sdk-backend.ts";
import { type AiSdkModel, type AiSdkOptions, backendId, resolveOptions } from "./ai-sdk-options.ts";

/**
 * The backend from a configuration file: `{ use: "ai-sdk", provider: "@ai-sdk/fal", model: "fal-ai/flux/dev" }`. The provider's package is
 * found from the working folder, and takes its key from the environment as it does by itself (`FAL_API_KEY`).
 *
 * @throws ConfigError naming the option that is wrong. The package is loaded with the first request.
 */
export function fromConfig(input: Record<string, unknown>, _env: NodeJS.ProcessEnv): Backend {
  const { provider, model, ...options } = input;
  for (const [name, value] of Object.entries({ provider, model }))
    if (typeof value !== "string" || value === "")
      throw new ConfigError(
        `ai-sdk: ${name}: is missing: ${name === "provider" ? 'a package, such as "@ai-sdk/fal"' : "the model's name"}`,
        { backend: backendId },
      );
  let loaded: Promise<AiSdkModel> | undefined;
  const load = () => {
    loaded ??= modelOf(provider as string, model as string);
    return loaded;
  };
  return new AiSdkBackend(load, (found) => resolveOptions(found, options as AiSdkOptions));
}

interface Provider {
  imageModel?(id: string): AiSdkModel;
}

async function modelOf(name: string, id: string): Promise<AiSdkModel> {
  let exported: Record<string, unknown>;
  try {
    const path = createRequire(join(process.cwd(), "noop.js")).resolve(name);
    exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ConfigError(
      `ai-sdk: provider: the package ${name} cannot be loaded from ${process.cwd()}; install it there (npm install ${name})`,
      { backend: backendId, cause },
    );
  }
  const found = Object.values(exported).find(
    (value) => typeof (value as Provider | undefined)?.imageModel === "function",
  ) as Provider | undefined;
  if (found?.imageModel === undefined)
    throw new ConfigError(`ai-sdk: provider: ${name} has no image models`, { backend: backendId });
  return found.imageModel(id);
}
