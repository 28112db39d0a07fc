import * as z from "zod";

/** A training as the API tells it: a prediction whose output is a model version. */
export const TrainingSchema = z.looseObject({
  id: z.string().min(1),
  model: z.string().nullish(),
  version: z.string().nullish(),
  status: z.string().min(1),
  input: z.record(z.string(), z.unknown()).nullish(),
  output: z.looseObject({ version: z.string().nullish(), weights: z.string().nullish() }).nullish(),
  error: z.unknown().optional(),
  logs: z.string().nullish(),
  metrics: z.record(z.string(), z.unknown()).nullish(),
  created_at: z.string().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  urls: z.looseObject({ get: z.string().optional(), cancel: z.string().optional() }).nullish(),
});
/** A training as the API tells it. */
export type Training = z.output<typeof TrainingSchema>;

/** What a training's create sends. */
export const TrainingCreateSchema = z.strictObject({
  destination: z.string().regex(/^[^/]+\/[^/]+$/),
  input: z.record(z.string(), z.unknown()),
  webhook: z.url().optional(),
  webhook_events_filter: z.array(z.enum(["start", "output", "logs", "completed"])).optional(),
});
