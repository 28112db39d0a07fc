import { type Capabilities, ConnectionError, type SerializedError } from "@latentkit/core";
import { z } from "zod";
import type { WorkerAnswer } from "./ask-workers.ts";
import type { LogEntry, News } from "./event-log.ts";
import { backendId } from "./queue-options.ts";

// What a worker of another version, or whoever else writes into Redis, tells is held against these. Fields beyond them stay.
const index = z.int().min(0);
const record = z.record(z.string(), z.unknown());
const texts = z.array(z.string());
const names = z.union([texts, z.literal("any")]);
const file = z.looseObject({
  kind: z.literal("stored"),
  key: z.string(),
  mediaType: z.string(),
  sha256: z.string(),
});
const picture = z.looseObject({ kind: z.literal("encoded"), mediaType: z.string(), base64: z.string() });
const error = z.looseObject({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean().optional(),
  details: record.optional(),
}) as unknown as z.ZodType<SerializedError>;

const live = {
  progress: z.looseObject({ type: z.literal("progress"), phase: z.string(), step: z.number(), steps: z.number() }),
  preview: z.looseObject({ type: z.literal("preview"), index, step: z.number(), image: picture }),
};
const entries = {
  ...live,
  started: z.looseObject({
    type: z.literal("started"),
    model: z.looseObject({ id: z.string() }).optional(),
    resolved: record.optional(),
    versions: record.optional(),
  }),
  image: z.looseObject({ type: z.literal("image"), index, image: file, latent: file.optional() }),
  control: z.looseObject({ type: z.literal("control"), field: z.string(), image: file }),
  log: z.looseObject({ type: z.literal("log"), message: z.string() }),
  warning: z.looseObject({
    type: z.literal("warning"),
    code: z.string(),
    message: z.string(),
    index: index.optional(),
    error: error.optional(),
  }),
  completed: z.looseObject({
    type: z.literal("completed"),
    timings: z.record(z.string(), z.number()).optional(),
    metrics: record.optional(),
    resolved: record.optional(),
  }),
  error: z.looseObject({ type: z.literal("error"), error }),
};

const NewsSchema = z.union([
  z.looseObject({ log: z.literal(true) }),
  z.looseObject({ live: z.discriminatedUnion("type", [live.progress, live.preview]) }),
]);

const CapabilitiesSchema = z.looseObject({
  tasks: texts,
  features: texts,
  conditioning: texts,
  samplers: names,
  schedulers: names,
  outputFormats: texts,
  limits: z.record(z.string(), z.looseObject({})),
}) as unknown as z.ZodType<Capabilities>;

const AnswerSchema = z.union([z.looseObject({ capabilities: CapabilitiesSchema }), z.looseObject({ error })]);

/** An entry of a job's log; undefined for one of a kind that is not known here. @throws ConnectionError where it is none. */
export function parseEntry(json: string): LogEntry | undefined {
  const told = jsonOf(json) as { type?: unknown } | null | undefined;
  const { type } = told ?? {};
  if (typeof type === "string" && !Object.hasOwn(entries, type)) return undefined;
  const schema: z.ZodType = entries[type as keyof typeof entries] ?? z.looseObject({ type: z.string() });
  return held(schema, told, "the job's log") as LogEntry;
}

/** A message on a job's channel; undefined where it is none: what matters stands in the log. */
export function parseNews(json: string): News | undefined {
  return NewsSchema.safeParse(jsonOf(json)).data as News | undefined;
}

/** @throws ConnectionError where it is none. */
export function parseAnswer(json: string): WorkerAnswer {
  return held(AnswerSchema, jsonOf(json), "a worker's answer") as WorkerAnswer;
}

/** @throws ConnectionError where it is none. */
export function parseCapabilities(json: string): Capabilities {
  return held(CapabilitiesSchema, jsonOf(json), "what a worker said last");
}

function held<T>(schema: z.ZodType<T>, told: unknown, what: string): T {
  const parsed = schema.safeParse(told);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new ConnectionError(
    `Redis holds what no worker of this version writes, as ${what} (${where}${issue?.message}): is every worker of the same version?`,
    { backend: backendId, retryable: false, cause: parsed.error },
  );
}

function jsonOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
