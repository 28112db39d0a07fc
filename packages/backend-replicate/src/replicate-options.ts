import {
  ConfigError,
  describeOptions,
  type ImageSource,
  ImageSourceSchema,
  type Issue,
  optionIssues,
  UnsupportedError,
} from "@latentkit/core";
import type { Dispatcher } from "undici";
import * as z from "zod";
import { backendId } from "./replicate-error.ts";

const duration = 'must be seconds (at least 5), or a duration such as "90s", "5m" or "1h"';
const seconds = z.union([z.int(duration).min(5, duration), z.string().regex(/^\d+(s|m|h)$/, duration)], duration);
const webhookEvents = z.array(z.enum(["start", "output", "logs", "completed"])).min(1);
const positive = z.number().positive();
const limit = z.union([positive, z.literal(Number.POSITIVE_INFINITY)]);

const shape = {
  /** `owner/name`, `owner/name:version` or `deployments/owner/name`; a request's own `model` goes before it. */
  model: z.string().min(1).optional(),
  /** A Cog server's URL; or, together with `model` or `api: "replicate"`, another address of Replicate's API. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  /** What answers at `url`. Default: a Cog server where no `model` is given, else Replicate's API. */
  api: z.enum(["replicate", "cog"]).optional(),
  /** API token. Default: `REPLICATE_API_TOKEN` of the environment; a Cog server gets one only if it stands here. */
  token: z.string().min(1).optional(),
  /** Seconds that a create waits for the end (`Prefer: wait`), 0 to 60: fewer calls, but no progress meanwhile. Default 0. */
  wait: z.int().min(0).max(60).optional(),
  /** Longest life of a prediction (`Cancel-After`). */
  cancelAfter: seconds.optional(),
  /** Whether streams are read where predictions offer them. Default true. */
  stream: z.boolean().optional(),
  /** Where Replicate posts the states of each prediction; see `webhookHandler`. */
  webhook: z.url().optional(),
  webhookEvents: webhookEvents.optional(),
  /** When outputs are downloaded: `"when-asked"`, `"before-expiry"` (default) or `"at-once"`. */
  download: z.enum(["when-asked", "before-expiry", "at-once"]).optional(),
  /** Larger outputs are refused, in bytes. Default 256 MiB. */
  maxOutputBytes: positive.optional(),
  /** Larger input files are refused before anything is sent, in bytes. Default 100 MiB. */
  maxUploadBytes: positive.optional(),
  /** Larger input files go through the files API, in bytes. Default 256 kB, as Replicate advises. */
  dataUrlBytes: z.number().nonnegative().optional(),
  /** Most predictions of this backend that run at once. Default: no limit on Replicate, 1 on a Cog server. */
  maxConcurrent: limit.optional(),
  rateLimit: z.strictObject({ createsPerMinute: limit.optional(), callsPerMinute: limit.optional() }).optional(),
  poll: z.strictObject({ minMs: positive.optional(), maxMs: positive.optional() }).optional(),
  retry: z
    .strictObject({
      retries: z.int().min(0).max(100).optional(),
      minDelayMs: z.number().nonnegative().optional(),
      maxDelayMs: positive.optional(),
      rateLimitPatienceMs: z.number().nonnegative().optional(),
    })
    .optional(),
  /** Whether a create whose answer was lost is looked for among the account's newest predictions. Default true. */
  recover: z.boolean().optional(),
  /** Longest silence of a server, before and within its answer, in milliseconds. Default 60 000. */
  timeoutMs: positive.optional(),
  /** How long the newest version of a model is remembered, in milliseconds. Default 5 minutes. */
  schemaCacheMs: z.number().nonnegative().optional(),
  /** A proxy's URL, or `"env"` for `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. */
  proxy: z.string().min(1).optional(),
  /** Certificates (PEM) to trust beside the usual ones. */
  ca: z
    .union([z.string(), z.instanceof(Uint8Array), z.array(z.union([z.string(), z.instanceof(Uint8Array)]))])
    .optional(),
  /** Most sockets to one origin. Default 64. */
  connections: z.int().min(1).optional(),
  /** A dispatcher of undici's to use instead. */
  dispatcher: z.custom<Dispatcher>((value) => typeof (value as Dispatcher)?.dispatch === "function").optional(),
  /**
   * How a Cog server reaches this process to tell progress: by default on loopback, where the server is on loopback too;
   * `false` for no progress. For one in a container give `host`, `port` and the `url` by which it gets here.
   */
  progress: z
    .union([
      z.literal(false),
      z.strictObject({
        host: z.string().optional(),
        port: z.int().min(1).max(65535).optional(),
        url: z.url({ protocol: /^https?$/ }).optional(),
      }),
    ])
    .optional(),
  /** A Cog server's OpenAPI document, for one that does not serve it. */
  schema: z.record(z.string(), z.unknown()).optional(),
};

const OptionsSchema = z.strictObject(shape);

/** Options of {@link replicate}. */
export type ReplicateOptions = z.input<typeof OptionsSchema>;

/** @throws ConfigError naming each wrong option and what would be right. */
export function parseOptions(options: unknown): ReplicateOptions {
  const parsed = OptionsSchema.safeParse(options ?? {});
  if (parsed.success) return parsed.data;
  const problems = describeOptions(parsed.error, OptionsSchema);
  throw new ConfigError(`replicate: ${problems}`, { backend: backendId, cause: parsed.error });
}

const OwnOptionsSchema = z.strictObject({
  input: z.record(z.string(), z.unknown()).default({}),
  webhook: shape.webhook,
  webhookEvents: shape.webhookEvents,
  cancelAfter: shape.cancelAfter,
  wait: shape.wait,
});

/** What `backendOptions.replicate` of a request may hold; `input` goes to the model as it stands, over what was mapped. */
export type ReplicateRequestOptions = z.input<typeof OwnOptionsSchema>;

/** @throws UnsupportedError naming what is wrong. */
export function parseOwnOptions(options: unknown): z.output<typeof OwnOptionsSchema> {
  const parsed = OwnOptionsSchema.safeParse(options ?? {});
  if (parsed.success) return parsed.data;
  const issues = optionIssues(parsed.error, OwnOptionsSchema).map(
    ({ field, ...issue }): Issue => ({
      field: ["backendOptions.replicate", field].filter(Boolean).join("."),
      ...issue,
    }),
  );
  throw new UnsupportedError(issues, { backend: backendId });
}

/** `Cancel-After` as the API takes it. */
export function durationText(value: number | string | undefined): string | undefined {
  return typeof value === "number" ? `${value}s` : value;
}

/** A file given in the escape hatch: `{ path }`, `{ url }`, `{ base64 }`, or bytes. */
export function asFile(value: unknown): ImageSource | undefined {
  const plain = typeof value === "object" && value !== null && !Array.isArray(value);
  return plain ? ImageSourceSchema.safeParse(value).data : undefined;
}
