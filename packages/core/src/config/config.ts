import { z } from "zod";
import type { Backend } from "../backend.ts";
import type { ClientOptions } from "../client.ts";
import { ConfigError } from "../errors/config-error.ts";

/** What `latentkit.config.{ts,js,mjs,json}` holds. Secrets do not belong in it: they come from the environment. */
export interface LatentKitConfig extends Partial<Omit<ClientOptions, "backend">> {
  /** A backend's id (`"local"`, `"replicate"`, `"comfy"`), or a backend itself. Default `"local"`. */
  backend?: string | Backend;
  /** Options of each backend by id, as its factory takes them. */
  backends?: Record<string, Record<string, unknown>>;
}

const ConfigSchema = z.strictObject({
  backend: z
    .union([z.string().min(1), z.custom<Backend>((value) => typeof (value as Backend)?.generate === "function")], {
      error: 'must be a backend\'s id, such as "local", or a backend',
    })
    .optional(),
  backends: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  defaults: z.record(z.string(), z.unknown()).optional(),
  onUnsupported: z.enum(["error", "warn"]).optional(),
  timeoutMs: z.number().positive().optional(),
  maxPromptLength: z.number().positive().optional(),
  maxInputPixels: z.number().positive().optional(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  trust: z.union([z.boolean(), z.record(z.string(), z.unknown())]).optional(),
  timeoutFrom: z.enum(["call", "started"]).optional(),
});

/** Types a configuration file in the editor. */
export function defineConfig(config: LatentKitConfig): LatentKitConfig {
  return config;
}

/** @throws ConfigError naming the file and the field. */
export function parseConfig(value: unknown, file: string): LatentKitConfig {
  const parsed = ConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data as LatentKitConfig;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole file"}: ${issue.message}`);
  throw new ConfigError(`${file}: ${problems.join("; ")}`, { cause: parsed.error, details: { file } });
}
