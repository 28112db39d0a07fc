import * as z from "zod";
import type { Backend } from "../backend.ts";
import type { ClientOptions } from "../client.ts";
import { ConfigError } from "../errors/config-error.ts";
import { compositionSchemas } from "./composition-config.ts";
import { describeOptions } from "./option-issues.ts";

/** What `latentkit.config.{ts,js,mjs,json}` holds. Secrets do not belong in it: they come from the environment. */
export interface LatentKitConfig extends Partial<Omit<ClientOptions, "backend">> {
  /** A backend's id (`"local"`, `"replicate"`, `"comfy"`), a name in `backends`, or a backend itself. Default `"local"`. */
  backend?: string | Backend;
  /**
   * Backends by name: the options that a backend's factory takes, with `use` for its id where the name is another; or a composition of
   * others, such as `{ use: "fallback", of: ["gpu-box", "replicate"] }`.
   */
  backends?: Record<string, Record<string, unknown>>;
  /** Settings of `latentkit serve`, as `createServer` and `serve` of `@latentkit/server` take them. */
  server?: Record<string, unknown>;
}

const ConfigSchema = z.strictObject({
  $schema: z.string().optional(),
  backend: z
    .union([z.string().min(1), z.custom<Backend>((value) => typeof (value as Backend)?.generate === "function")], {
      error: 'must be a backend\'s id, such as "local", or a backend',
    })
    .optional(),
  backends: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  defaults: z.record(z.string(), z.unknown()).optional(),
  server: z.record(z.string(), z.unknown()).optional(),
  onUnsupported: z.enum(["error", "warn"]).optional(),
  timeoutMs: z.number().positive().optional(),
  maxJobs: z.number().min(1).optional(),
  maxPromptLength: z.number().positive().optional(),
  maxInputPixels: z.number().positive().optional(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  trust: z.union([z.boolean(), z.record(z.string(), z.unknown())]).optional(),
  timeoutFrom: z.enum(["call", "started"]).optional(),
});

/** JSON Schema (draft 2020-12) of `latentkit.config.json`, for editors: `"$schema"` in the file names where it lies. */
export function configJsonSchema(): Record<string, unknown> {
  const { hooks: _, ...compositions } = compositionSchemas;
  const options = z.looseObject({
    use: z.string().optional().describe("The backend's id, where the entry has another name"),
    usdPerImage: z
      .union([z.number().min(0), z.record(z.string(), z.number().min(0))])
      .optional()
      .describe("US dollars for a picture, or by model; for explain, routes and budgets"),
  });
  const entry = z.union([
    ...Object.values(compositions),
    options.describe("Options of a backend, as its factory takes them"),
  ]);
  const schema = z.strictObject({
    $schema: z.string().optional(),
    backend: z.string().min(1).optional().describe("A backend's id, or a name in `backends`; default local"),
    backends: z.record(z.string(), entry).optional().describe("Backends by name: options, or a composition of others"),
    defaults: GenerationRequestDefaults.optional().describe("Fields for each request that does not set them itself"),
    server: z.record(z.string(), z.unknown()).optional().describe("Settings of latentkit serve: docs/server.md"),
    onUnsupported: z
      .enum(["error", "warn"])
      .optional()
      .describe("What to do with a field that a backend cannot honour"),
    timeoutMs: z.number().positive().optional().describe("Longest time for a generation, in milliseconds"),
  });
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
}

const GenerationRequestDefaults = z.record(z.string(), z.unknown());

/** Types a configuration file in the editor. */
export function defineConfig(config: LatentKitConfig): LatentKitConfig {
  return config;
}

/** @throws ConfigError naming the file and the field. */
export function parseConfig(value: unknown, file: string): LatentKitConfig {
  const parsed = ConfigSchema.safeParse(value);
  if (parsed.success) {
    const { $schema: _, ...config } = parsed.data;
    return config as LatentKitConfig;
  }
  const problems = describeOptions(parsed.error, ConfigSchema, "the whole file");
  throw new ConfigError(`${file}: ${problems}`, { cause: parsed.error, details: { file } });
}
