import { type Backend, ConfigError } from "@latentkit/core";
import { a1111 } from "./a1111/a1111-backend.ts";
import type { A1111Options } from "./a1111/a1111-options.ts";
import { http } from "./http-backend.ts";
import type { HttpOptions } from "./http-options.ts";

/**
 * The backend from a configuration file or the command line: `dialect` is `"latentkit"` (where absent) or `"a1111"`. `LATENTKIT_URL` gives the
 * address where `url` is absent; keys come from the environment alone: `LATENTKIT_API_KEY`, and `A1111_AUTH` (`user:password`).
 *
 * @throws ConfigError naming the option that is wrong.
 */
export function fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): Backend {
  const { dialect = "latentkit", ...own } = options;
  if (dialect !== "latentkit" && dialect !== "a1111")
    throw new ConfigError('http: dialect: must be "latentkit" or "a1111"');
  const fromEnv =
    dialect === "a1111"
      ? { url: env.A1111_URL, auth: env.A1111_AUTH }
      : { url: env.LATENTKIT_URL, apiKey: env.LATENTKIT_API_KEY };
  const set = Object.fromEntries(
    Object.entries({ ...fromEnv, ...own }).filter(([, value]) => value !== undefined && value !== ""),
  );
  return dialect === "a1111" ? a1111(set as unknown as A1111Options) : http(set as unknown as HttpOptions);
}
