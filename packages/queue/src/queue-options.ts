import { ConfigError, describeOptions } from "@latentkit/core";
import type { RedisOptions } from "ioredis";
import { z } from "zod";
import type { ObjectStore } from "./store/object-store.ts";

/** The backend's id, as it stands in handles and errors. */
export const backendId = "queue";

const positive = z.number().positive();
const sharedShape = {
  connection: z
    .union([
      z.string().regex(/^rediss?:\/\//, "must begin with redis:// or rediss://"),
      z.record(z.string(), z.unknown()),
    ])
    .default("redis://127.0.0.1:6379"),
  name: z
    .string()
    .regex(/^[\w.-]{1,100}$/, "must be letters, digits, dots and dashes")
    .default("pictures"),
  store: z
    .union([z.string().min(1), z.custom<ObjectStore>((value) => typeof (value as ObjectStore)?.put === "function")], {
      error: "must be a folder, or a store such as fileStore(folder)",
    })
    .optional(),
  keepMs: positive.default(3_600_000),
  connectMs: positive.default(10_000),
};

const priority = z.int().min(0).max(1000);
const delayMs = z.number().min(0);
const key = z.string().min(1).max(200);
const limit = z.strictObject({ max: z.int().min(1), perMs: positive, waitMs: z.number().min(0).default(60_000) });
const QueueSchema = z.strictObject({
  ...sharedShape,
  model: z.string().min(1).optional(),
  priority: priority.default(500),
  delayMs: delayMs.default(0),
  deduplicate: z.boolean().default(false),
  key: key.optional(),
  limit: limit.optional(),
  attempts: z.int().min(1).max(100).default(1),
  pollMs: positive.default(2000),
  cancelMs: positive.default(8000),
  capabilitiesMs: z.number().nonnegative().default(60_000),
});
const WorkerSchema = z.strictObject({
  ...sharedShape,
  concurrency: z.int().min(1).max(1000).default(1),
  progressMs: z.number().min(0).default(100),
  lockMs: z.number().min(500).default(30_000),
  previewPixels: z.int().min(16).default(512),
  graceMs: z.number().min(0).default(60_000),
});

/** What the queue and its workers have in common: it must be the same for both. */
export interface SharedQueueOptions {
  /** Address of Redis, or options of ioredis. Default `redis://127.0.0.1:6379`. */
  connection?: string | RedisOptions | undefined;
  /** Name of the queue. Default `"pictures"`. */
  name?: string | undefined;
  /**
   * Where pictures lie: a folder that both sides see, or a store. Default: Redis itself, which takes small ones alone (256 KiB).
   */
  store?: string | ObjectStore | undefined;
  /** How long events and results of a job are kept, in milliseconds. Default one hour. */
  keepMs?: number | undefined;
  /** Longest wait for Redis to answer, in milliseconds. Default 10 000. */
  connectMs?: number | undefined;
}

/** How often pictures may be ordered under a key. */
export interface KeyLimit {
  /** So many jobs … */
  max: number;
  /** … in so many milliseconds. */
  perMs: number;
  /** A job that is too early waits in the queue; one that would wait longer than this is refused. Default 60 000. */
  waitMs?: number | undefined;
}

/** Settings of the queue as a backend. A request's own `backendOptions.queue` may hold priority, delayMs, deduplicate and key. */
export interface QueueOptions extends SharedQueueOptions {
  /** Model for requests that name none. Default: the workers' own. */
  model?: string | undefined;
  /** 0 to 1000; a higher one goes first. Default 500. */
  priority?: number | undefined;
  /** How long a job waits before a worker may take it, in milliseconds. */
  delayMs?: number | undefined;
  /** Whether a request that is waited for already is not made twice: both get the same pictures. Default false. */
  deduplicate?: boolean | undefined;
  /** Whose jobs these are, for `limit`. */
  key?: string | undefined;
  limit?: KeyLimit | undefined;
  /** How often a job is begun that fails in a way that may pass. Default 1. A worker's death is no such failure. */
  attempts?: number | undefined;
  /** How often the queue is looked at beside what it tells, in milliseconds. Default 2000. */
  pollMs?: number | undefined;
  /** How long a cancel waits for the worker to stop, in milliseconds. Default 8000. */
  cancelMs?: number | undefined;
  /** How long the workers' capabilities are remembered, in milliseconds. Default 60 000. */
  capabilitiesMs?: number | undefined;
}

/** Settings of a worker. */
export interface WorkerOptions extends SharedQueueOptions {
  /** Jobs at a time. Default 1. */
  concurrency?: number | undefined;
  /** Progress is told at most so often, in milliseconds. Default 100. */
  progressMs?: number | undefined;
  /** After so long without a sign of a worker its jobs are given to others, in milliseconds. Default 30 000. */
  lockMs?: number | undefined;
  /** Longest side of a preview on its way. Default 512. */
  previewPixels?: number | undefined;
  /** How long `close()` lets running jobs finish before it hands them back, in milliseconds. Default 60 000. */
  graceMs?: number | undefined;
}

/** Options of the queue with defaults filled in. */
export type ResolvedQueueOptions = z.output<typeof QueueSchema>;
/** Options of a worker with defaults filled in. */
export type ResolvedWorkerOptions = z.output<typeof WorkerSchema>;

/** @throws ConfigError naming the option. */
export function resolveQueueOptions(input: QueueOptions): ResolvedQueueOptions {
  return parse("queue", QueueSchema, input);
}

/** @throws ConfigError naming the option. */
export function resolveWorkerOptions(input: WorkerOptions): ResolvedWorkerOptions {
  return parse("worker", WorkerSchema, input);
}

function parse<S extends z.ZodObject>(who: string, schema: S, input: object): z.output<S> {
  const given = Object.fromEntries(Object.entries(input ?? {}).filter(([, value]) => value !== undefined));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(`${who}: ${describeOptions(parsed.error, schema, "the options")}`, {
    backend: backendId,
    cause: parsed.error,
  });
}

/** What a request says of its own place in the queue; nothing is filled in, as the backend's own settings go below it. */
export const OrderSchema = z.strictObject({
  priority: priority.optional(),
  delayMs: delayMs.optional(),
  deduplicate: z.boolean().optional(),
  key: key.optional(),
});
