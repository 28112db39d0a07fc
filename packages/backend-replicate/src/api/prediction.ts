import * as z from "zod";

/** Statuses that are final. Open-ended: one that is not known here counts as "still going on". */
const ended: ReadonlySet<string> = new Set(["succeeded", "failed", "canceled", "aborted"]);

/** A prediction as the API (or a Cog server, which leaves most of it out) tells it. */
export const PredictionSchema = z.looseObject({
  id: z.string().min(1),
  /** `owner/name`. */
  model: z.string().nullish(),
  /** A version's id, or `"hidden"` for official models. */
  version: z.string().nullish(),
  status: z.string().min(1),
  input: z.record(z.string(), z.unknown()).nullish(),
  /** Whatever the model returns: a URL, a list of them, an object; grows while an iterator model runs. */
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  logs: z.string().nullish(),
  metrics: z.record(z.string(), z.unknown()).nullish(),
  source: z.string().nullish(),
  /** Inputs, outputs and logs are gone (an hour after the end, for predictions made by API). */
  data_removed: z.boolean().nullish(),
  deadline: z.string().nullish(),
  deployment: z.string().nullish(),
  created_at: z.string().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  urls: z
    .looseObject({
      get: z.string().optional(),
      cancel: z.string().optional(),
      web: z.string().optional(),
      stream: z.string().optional(),
    })
    .nullish(),
});

/** A prediction as the API tells it. */
export type Prediction = z.output<typeof PredictionSchema>;

/** Whether nothing more will happen: `aborted` is as final as `canceled`. */
export function isEnded({ status }: Pick<Prediction, "status">): boolean {
  return ended.has(status);
}

/** What a create sends. */
export const PredictionCreateSchema = z.strictObject({
  version: z.string().min(1).optional(),
  input: z.record(z.string(), z.unknown()),
  webhook: z.url().optional(),
  webhook_events_filter: z.array(z.enum(["start", "output", "logs", "completed"])).optional(),
});
