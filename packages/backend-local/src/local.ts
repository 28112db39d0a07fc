import { LocalBackend } from "./local-backend.ts";
import { type LocalOptions, parseLocalOptions } from "./local-options.ts";

/**
 * A backend that runs diffusion models on this machine: no Python, no server. Nothing is loaded until it is used.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: local() });                         // the embedded model
 * const own = createClient({ backend: local({ model: "./models/sd15" }) });  // a diffusers folder
 * ```
 * @throws ConfigError naming each wrong option.
 */
export function local(options: LocalOptions = {}): LocalBackend {
  return new LocalBackend(parseLocalOptions(options));
}

/** The backend as a configuration file describes it. It needs no secrets. @throws ConfigError */
export function fromConfig(options: Record<string, unknown>, _env: NodeJS.ProcessEnv): LocalBackend {
  return new LocalBackend(parseLocalOptions(options));
}
