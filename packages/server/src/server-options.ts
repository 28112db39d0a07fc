import { ConfigError, describeOptions } from "@latentkit/core";
import { z } from "zod";
import { isKeyHash } from "./access/api-key.ts";
import type { LogEntry } from "./log.ts";

const positive = z.number().positive();
const whole = z.int().min(1);
const table = z.union([z.array(z.string().min(1)), z.record(z.string().min(1), z.string().min(1).nullable())]);

const OptionsSchema = z.strictObject({
  apiKeys: z
    .union([
      z.array(z.string().refine(isKeyHash, 'must be hashes, such as "sha256:…", as hashApiKey() makes them')),
      z.record(
        z.string(),
        z.string().refine(isKeyHash, 'must be a hash, such as "sha256:…", as hashApiKey() makes it'),
      ),
    ])
    .default([]),
  hosts: z.array(z.string().min(1)).optional(),
  cors: z.array(z.string().regex(/^https?:\/\/[^/]+$/, "must be origins, such as https://app.example.com")).default([]),
  basePath: z
    .string()
    .regex(/^(\/[\w.-]+)*$/, 'must be a path such as "/images"')
    .default(""),
  models: table.default([]),
  loras: table.default([]),
  embeddings: table.default([]),
  controls: table.default([]),
  upscalers: table.default([]),
  backendOptions: z.boolean().default(false),
  inputHosts: z.array(z.string().min(1)).default([]),
  maxBodyBytes: positive.default(64 * 2 ** 20),
  maxInFlightBytes: positive.default(512 * 2 ** 20),
  maxPixels: positive.default(16_777_216),
  maxInputPixels: positive.default(64_000_000),
  maxCount: whole.default(10),
  maxSteps: whole.default(200),
  maxJobs: whole.default(100),
  maxJobsPerKey: whole.optional(),
  maxResultBytes: positive.default(256 * 2 ** 20),
  maxUploadBytes: positive.default(256 * 2 ** 20),
  resultMs: positive.default(600_000),
  idempotencyMs: positive.default(86_400_000),
  heartbeatMs: positive.default(15_000),
  graceMs: z.number().nonnegative().default(30_000),
  stateFolder: z.string().min(1).optional(),
  page: z.boolean().default(true),
  mcp: z.boolean().default(true),
  logPrompts: z.boolean().default(false),
  log: z.custom<(entry: LogEntry) => void>((value) => typeof value === "function", "must be a function").optional(),
});

/** Names that clients may use: a list, or names with what the backend is given in their place; `null` is the backend's default. */
export type NameTable = readonly string[] | Readonly<Record<string, string | null>>;

/** Settings of a server. All are optional; each default is safe with strangers. */
export interface ServerOptions {
  /**
   * Hashes of the keys that clients must show (`hashApiKey(key)`), as a list or by each key's name. Without any, whoever reaches the server
   * may use it, and it answers on loopback names alone.
   */
  apiKeys?: readonly string[] | Readonly<Record<string, string>> | undefined;
  /**
   * Host names that requests may be addressed to, beside loopback's; `"*"` is any. Default: loopback's alone, or any where `apiKeys` are asked for.
   */
  hosts?: readonly string[] | undefined;
  /** Origins whose pages may call the server from a browser. Default: none but its own. */
  cors?: readonly string[] | undefined;
  /** Path below which the server is mounted, such as `"/images"`. */
  basePath?: string | undefined;
  /** Models that clients may name. The backend's default one is always there, and all of a backend whose models are a server's names. */
  models?: NameTable | undefined;
  /** LoRAs that clients may name. */
  loras?: NameTable | undefined;
  /** Textual inversions that clients may name. */
  embeddings?: NameTable | undefined;
  /** ControlNets and image-prompt adapters that clients may name. */
  controls?: NameTable | undefined;
  /** Upscale models that clients may name. */
  upscalers?: NameTable | undefined;
  /** Whether clients may set `backendOptions`. Default false: they may hold webhooks and paths. */
  backendOptions?: boolean | undefined;
  /** Hosts that the server fetches input pictures from, as `inputs.allowHosts` of a client. Default none. */
  inputHosts?: readonly string[] | undefined;
  /** Largest body of a request. Default 64 MiB. */
  maxBodyBytes?: number | undefined;
  /** Bytes of bodies and inputs that are held at once, over all clients; more is refused for now. Default 512 MiB. */
  maxInFlightBytes?: number | undefined;
  /** Largest picture that is drawn, in pixels. Default 16.8 million (4096²). */
  maxPixels?: number | undefined;
  /** Largest input picture, in pixels, by its header. Default 64 million. */
  maxInputPixels?: number | undefined;
  /** Most pictures of one request. Default 10. */
  maxCount?: number | undefined;
  /** Most steps of one request. Default 200. */
  maxSteps?: number | undefined;
  /** Unfinished jobs at once; more are refused with a BusyError. Default 100. */
  maxJobs?: number | undefined;
  /** Unfinished jobs of one key at once. Default `maxJobs`. */
  maxJobsPerKey?: number | undefined;
  /** Bytes of results that are kept; the oldest go first. Default 256 MiB. */
  maxResultBytes?: number | undefined;
  /** Bytes of uploads that are kept; the oldest go first. Default 256 MiB. */
  maxUploadBytes?: number | undefined;
  /** How long results and uploads are kept, in milliseconds. Default 10 min. */
  resultMs?: number | undefined;
  /** How long an idempotency key is remembered, in milliseconds. Default 24 h. */
  idempotencyMs?: number | undefined;
  /** Silence after which a stream of events says that it is still there, in milliseconds. Default 15 s. */
  heartbeatMs?: number | undefined;
  /** How long `close()` lets running jobs finish, in milliseconds. Default 30 s. */
  graceMs?: number | undefined;
  /**
   * Folder where unfinished jobs and idempotency keys are written down. A server that comes back after a crash goes on with the jobs whose backend
   * gave a handle, under their ids, and knows the keys. Default: none is kept.
   */
  stateFolder?: string | undefined;
  /** Whether `/` is the page. Default true. */
  page?: boolean | undefined;
  /** Whether `/mcp` speaks the Model Context Protocol. Default true. */
  mcp?: boolean | undefined;
  /** Whether log entries have prompts. Default false. */
  logPrompts?: boolean | undefined;
  /** Told of every request, and of every job that ended. */
  log?: ((entry: LogEntry) => void) | undefined;
}

/** Options with defaults filled in. */
export type ResolvedOptions = Omit<z.output<typeof OptionsSchema>, "maxJobsPerKey"> & { maxJobsPerKey: number };

/** @throws ConfigError naming the option. */
export function resolveOptions(input: ServerOptions = {}): ResolvedOptions {
  const defined = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const parsed = OptionsSchema.safeParse(defined);
  if (!parsed.success) throw new ConfigError(`server: ${describeOptions(parsed.error, OptionsSchema, "the options")}`);
  return { ...parsed.data, maxJobsPerKey: parsed.data.maxJobsPerKey ?? parsed.data.maxJobs };
}
