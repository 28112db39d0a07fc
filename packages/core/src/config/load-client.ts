import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend } from "../backend.ts";
import { type Client, type ClientOptions, createClient } from "../client.ts";
import { ConfigError } from "../errors/config-error.ts";
import { nearest } from "../request/nearest.ts";
import { buildBackend, type MakeBackend } from "./build-backend.ts";
import { readConfig } from "./read-config.ts";

/** What a backend package exports for configuration: its factory, fed by options and the environment. */
export interface BackendModule {
  /** @throws ConfigError for wrong options or a missing secret. */
  fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): Backend;
}

/** Where `loadClient` looks. */
export interface LoadClientOptions extends Partial<Omit<ClientOptions, "backend">> {
  /** Folder of the configuration file. Default: the working folder. */
  cwd?: string;
  /** A configuration file other than `latentkit.config.*`. */
  config?: string;
  /** Default `process.env`: `LATENTKIT_BACKEND` and the backends' secrets are read from it. */
  env?: NodeJS.ProcessEnv;
  /** A backend's id, or a name in the file's `backends`; goes before the environment's and the file's. */
  backend?: string;
  /** Options for that backend, over the file's. */
  backendOptions?: Record<string, unknown>;
  /** Backend packages already at hand, by id; others are imported as `@latentkit/backend-<id>` from `cwd`. */
  modules?: Record<string, () => Promise<BackendModule>>;
}

/**
 * A client as configured: by the call, else `LATENTKIT_BACKEND`, else `latentkit.config.*`, else the local backend.
 *
 * @throws ConfigError when the file, the environment or an option is wrong, or the backend's package is not installed.
 */
export async function loadClient(options: LoadClientOptions = {}): Promise<Client> {
  const {
    cwd = process.cwd(),
    config: file,
    env = process.env,
    modules = {},
    backend: named,
    backendOptions,
    ...given
  } = options;
  const config = await readConfig(cwd, file);
  const chosen = named ?? (env.LATENTKIT_BACKEND || undefined) ?? config.backend ?? "local";
  const { backend: _, backends = {}, server: __, ...settings } = config;
  const ids = new Set(["local", "replicate", "comfy", ...Object.keys(modules)]);
  if (typeof chosen === "string") checkNames(backends, [...ids.add(chosen)]);
  if (typeof chosen !== "string") return createClient({ ...settings, ...given, backend: chosen });
  const make: MakeBackend = async (id, own) => {
    const module = await moduleOf(id, cwd, modules);
    if (typeof module.fromConfig !== "function")
      throw new ConfigError(`backend: the package of "${id}" exports no fromConfig; it is not a LatentKit backend`);
    return module.fromConfig(own, env);
  };
  const own = Object.hasOwn(backends, chosen) ? backends[chosen] : {};
  const configured = backendOptions === undefined ? backends : { ...backends, [chosen]: { ...own, ...backendOptions } };
  return createClient({ ...settings, ...given, backend: await buildBackend(chosen, configured, make) });
}

/** Options under a misspelt name would be passed over without a word; an entry with a name of its own says whose it is by `use`. */
function checkNames(backends: Readonly<Record<string, Record<string, unknown>>>, known: readonly string[]): void {
  for (const [name, options] of Object.entries(backends)) {
    const near = known.includes(name) || "use" in options ? [] : nearest(name, known);
    if (near.length > 0) throw new ConfigError(`backends.${name}: is not known; did you mean ${near.join(" or ")}?`);
  }
}

async function moduleOf(
  id: string,
  cwd: string,
  modules: Record<string, () => Promise<BackendModule>>,
): Promise<BackendModule> {
  if (Object.hasOwn(modules, id)) return modules[id]!();
  if (!/^[a-z][a-z0-9-]*$/.test(id))
    throw new ConfigError(`backend: "${id}" is not a backend's id; use "local", "replicate" or "comfy"`);
  const name = `@latentkit/backend-${id}`;
  let path: string;
  try {
    path = createRequire(join(cwd, "noop.js")).resolve(name);
  } catch (cause) {
    const known = [...new Set(["local", "replicate", "comfy", ...Object.keys(modules)])];
    const near = known.includes(id) ? [] : nearest(id, known);
    const hint = near.length === 0 ? "" : ` (did you mean ${near.join(" or ")}?)`;
    throw new ConfigError(
      `backend: "${id}"${hint} needs the package ${name}, which is not installed where ${cwd} finds it; install it there (npm install ${name}), or use another backend`,
      { cause },
    );
  }
  try {
    return (await import(pathToFileURL(path).href)) as BackendModule;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`backend: "${id}": the package ${name} is there and does not load: ${why}`, { cause });
  }
}
