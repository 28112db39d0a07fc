import { type ComfyBackend, comfy } from "./comfy-backend.ts";

/**
 * The backend from a configuration file or the command line. `COMFYUI_URL` gives the address where `url` is absent;
 * keys come from the environment alone: `COMFY_CLOUD_API_KEY` for Comfy Cloud, `COMFY_ORG_API_KEY` for paid nodes.
 *
 * @throws ConfigError naming the option that is wrong.
 */
export function fromConfig(options: Record<string, unknown>, env: NodeJS.ProcessEnv): ComfyBackend {
  const fromEnv = {
    url: env["COMFYUI_URL"],
    apiKey: env["COMFY_CLOUD_API_KEY"],
    comfyOrgApiKey: env["COMFY_ORG_API_KEY"],
  };
  const set = Object.entries({ ...fromEnv, ...options }).filter(([, value]) => value !== undefined && value !== "");
  return comfy(Object.fromEntries(set));
}
