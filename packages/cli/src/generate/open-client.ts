import { type BackendModule, type Client, loadClient, readConfig } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import type { GenerateFlags } from "./flags.ts";
import type { Input } from "./read-input.ts";

/** The backends that come with the command line; each is loaded only when chosen. */
const modules: Readonly<Record<string, () => Promise<BackendModule>>> = {
  local: () => import("@latentkit/backend-local"),
  replicate: () => import("@latentkit/backend-replicate"),
  comfy: () => import("@latentkit/backend-comfy"),
  http: () => import("@latentkit/backend-http"),
  openai: () => import("@latentkit/backend-openai"),
  "ai-sdk": () => import("@latentkit/backend-ai-sdk"),
  queue: () => import("@latentkit/queue"),
  a1111: async () => {
    const { fromConfig } = await import("@latentkit/backend-http");
    return { fromConfig: (options, env) => fromConfig({ dialect: "a1111", ...options }, env) };
  },
};

/** The backends that `--backend` takes. */
export const backendNames: readonly string[] = Object.keys(modules);

/**
 * The client that flags, environment and configuration ask for.
 *
 * `isDefault` says that the model is to be that of every request which names none.
 *
 * The backend that made a recipe is used where nothing else names one, and with `--trust`: it may cost money, or send pictures away.
 *
 * @throws UsageError or ConfigError naming the flag, variable or field.
 */
export async function openClient(
  { backend, config, url, trust }: Pick<GenerateFlags, "backend" | "config" | "url" | "trust">,
  { recipe, model, isDefault = false }: Pick<Input, "recipe" | "model"> & { isDefault?: boolean },
  env: NodeJS.ProcessEnv,
): Promise<Client> {
  if (backend !== undefined && !backendNames.includes(backend)) {
    const { backends = {} } = await readConfig(process.cwd(), config);
    if (!Object.hasOwn(backends, backend)) {
      const known = [...new Set([...backendNames, ...Object.keys(backends)])];
      throw new UsageError(`--backend: "${backend}" is not a backend; use ${known.join(", ")}`);
    }
  }
  const configured = config !== undefined || env.LATENTKIT_BACKEND;
  const suggested = trust === true ? recipe?.backend : undefined;
  const chosen = backend ?? (!configured && suggested && backendNames.includes(suggested) ? suggested : undefined);
  if (url !== undefined) checkUrl(url);
  return loadClient({
    modules: url === undefined ? modules : { ...modules, local: refuseUrl },
    env,
    ...(chosen === undefined ? {} : { backend: chosen }),
    ...(config === undefined ? {} : { config }),
    // What answers at an address may depend on whether a model is named: a Cog server is one model, an API has many.
    ...(url === undefined && !(isDefault && model !== undefined)
      ? {}
      : { backendOptions: { ...(url === undefined ? {} : { url }), ...(model === undefined ? {} : { model }) } }),
  });
}

async function refuseUrl(): Promise<never> {
  throw new UsageError("--url: belongs to a remote backend; add --backend replicate or --backend comfy");
}

/** A backend may take an address without a scheme; another scheme is a mistake for all of them. */
function checkUrl(url: string): void {
  const parsed = URL.parse(/^[a-z]+:/i.test(url) && !/^[\w.-]+:\d/.test(url) ? url : `http://${url}`);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new UsageError("--url: must be an http or https URL, such as http://127.0.0.1:8188");
  }
}
