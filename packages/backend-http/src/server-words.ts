import type { Capabilities, ImagePayload, Issue, SerializedError } from "@latentkit/core";
import * as z from "zod";

// What a server says, held against what it may say: it may be another program, an older one, or mean harm. Fields beyond these are passed
// on, as those of a newer server; what a shape does not fit is refused.

const index = z.int().min(0).max(100_000);
const seed = z.union([z.number(), z.string().regex(/^\d{1,20}$/)]);
const word = z.string().max(200);
const words = z.array(z.string()).max(10_000);
const record = z.record(z.string(), z.unknown());
const range = z.looseObject({ min: z.number(), max: z.number(), multipleOf: z.number().optional() });
const model = z.looseObject({ id: z.string(), hash: z.string().optional() });

/** Groups of settings that name no file and no model. */
const groups = ["guidance", "noise", "samplerOptions", "schedulerOptions", "sigmas", "timesteps", "output"];
const files = ["image", "mask", "latent"];

/** Settings that a server resolved. No file, and no list that names some, is the server's to put into a recipe of ours. */
const resolved = record.transform((settings) => {
  const isSetting = ([key, value]: [string, unknown]) =>
    !files.includes(key) && (typeof value !== "object" || groups.includes(key));
  return Object.fromEntries(Object.entries(settings).filter(isSetting));
});

const pixels = z
  .object({
    kind: z.literal("pixels"),
    width: z.int().min(1).max(32_768),
    height: z.int().min(1).max(32_768),
    channels: z.union([z.literal(3), z.literal(4)]),
    base64: z.string(),
  })
  .refine(
    ({ width, height, channels, base64 }) => Buffer.byteLength(base64, "base64") === width * height * channels,
    "has not as many bytes as its size needs",
  );
const encoded = z.object({ kind: z.literal("encoded"), mediaType: word, base64: z.string() });
const image: z.ZodType<ImagePayload> = z.union([pixels, encoded]);

const SerializedErrorSchema: z.ZodType<SerializedError> = z.object({
  name: z.string().catch("Error"),
  code: z.string().regex(/^[a-z_]{1,50}$/),
  message: z.string(),
  retryable: z.boolean().catch(false),
  details: record.catch({}),
});

const at = z.string().regex(/\/v1\/jobs\/[\w-]{1,100}\/images\/\d{1,6}(?:\/latent)?$/);

const events = {
  queued: z.object({ type: z.literal("queued"), position: z.int().min(0).optional().catch(undefined) }),
  started: z.object({
    type: z.literal("started"),
    resolved: resolved.optional(),
    model: model.optional(),
    versions: z.record(z.string(), z.string()).optional(),
  }),
  progress: z.looseObject({
    type: z.literal("progress"),
    phase: word,
    step: z.number(),
    steps: z.number(),
    fraction: z.number().optional(),
    etaMs: z.number().optional(),
    index: index.optional(),
  }),
  preview: z.object({ type: z.literal("preview"), index, step: z.number(), image }),
  control: z.object({ type: z.literal("control"), field: word, control: word, image }),
  image: z.object({
    type: z.literal("image"),
    index,
    seed: seed.optional(),
    resolved: resolved.optional(),
    url: at,
    latentUrl: at.optional(),
  }),
  log: z.object({ type: z.literal("log"), level: z.enum(["debug", "info", "warn"]), message: z.string() }),
  warning: z.object({
    type: z.literal("warning"),
    code: word,
    message: z.string(),
    field: z.string().optional(),
    index: index.optional(),
    seed: seed.optional(),
    error: SerializedErrorSchema.optional(),
  }),
  completed: z.object({
    type: z.literal("completed"),
    timings: z.record(z.string(), z.number()).optional(),
    metrics: record.optional(),
    resolved: resolved.optional(),
  }),
  error: SerializedErrorSchema.transform((error) => ({ type: "error" as const, error })),
  done: z.unknown().transform(() => ({ type: "done" as const })),
} as const;

/** An event as a server tells it. */
export type ServerEvent = z.output<(typeof events)[keyof typeof events]>;

/** @returns undefined for an event of a kind that is not known here. @throws ZodError for one that is not of its kind's shape. */
export function parseEvent(type: string, data: unknown): ServerEvent | undefined {
  return Object.hasOwn(events, type) ? events[type as keyof typeof events].parse(data) : undefined;
}

/** The error in an answer, where it has one of ours. */
export function parseError(answer: unknown): SerializedError | undefined {
  return z.object({ error: SerializedErrorSchema }).safeParse(answer).data?.error;
}

const IssueSchema = z.object({
  field: z.string(),
  message: z.string(),
  allowed: z
    .union([
      z.array(z.union([z.string(), z.number()])),
      z.object({ min: z.number().optional(), max: z.number().optional(), multipleOf: z.number().optional() }),
    ])
    .optional()
    .catch(undefined),
});

/** The issues among an error's facts. */
export function parseIssues(issues: unknown): Issue[] {
  return Array.isArray(issues) ? issues.flatMap((issue) => (IssueSchema.safeParse(issue).data as Issue) ?? []) : [];
}

/** The id of a job that was ordered. */
export const JobSchema = z.object({ id: z.string().regex(/^[\w-]{1,100}$/) });

const names = z.union([words, z.literal("any")]);
const most = z.looseObject({ maxCount: z.number().optional(), maxSteps: z.number().optional() });

/** What a server can do, beside its own limits. */
export const CapabilitiesSchema = z.looseObject({
  model: model.optional(),
  tasks: words,
  features: words,
  missing: z.record(z.string(), z.string()).optional(),
  conditioning: words,
  controls: names.optional(),
  conditioningOptions: words.optional(),
  promptSyntaxes: words.optional(),
  samplers: names,
  schedulers: names,
  outputFormats: words,
  limits: z.record(z.string(), range),
  server: z.looseObject({ limits: most.optional() }).optional(),
}) as unknown as z.ZodType<Capabilities & { server?: { limits?: z.output<typeof most> } }>;
