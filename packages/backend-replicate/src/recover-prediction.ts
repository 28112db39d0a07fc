import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { type Prediction, PredictionSchema } from "./api/prediction.ts";
import type { ReplicateHttp } from "./http/replicate-http.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";

/** A create whose outcome is unknown. */
export interface LostCreate {
  model: ResolvedModel;
  input: Readonly<Record<string, unknown>>;
  /** When it was sent, in milliseconds since 1970. */
  sentAt: number;
}

const PageSchema = z.looseObject({ next: z.string().nullish(), results: z.array(PredictionSchema) });

/** How far this machine's clock may be ahead of the server's. */
const clockSkewMs = 5_000;
const mostPages = 12;

/**
 * Looks through the account's newest predictions for the one that a create made, whose answer was lost. `take`
 * claims an id, unless it is another job's, so that no prediction is given to two.
 */
export async function recoverPrediction(
  lost: LostCreate,
  http: ReplicateHttp,
  { take, waitsMs }: { take(id: string): boolean; waitsMs: readonly number[] },
): Promise<Prediction | undefined> {
  for (const waitMs of waitsMs) {
    await sleep(waitMs);
    for await (const prediction of newest(http, lost.sentAt - clockSkewMs)) {
      if (isMeant(prediction, lost) && take(prediction.id)) return prediction;
    }
  }
  return undefined;
}

/** The account's predictions since a time, newest first. */
async function* newest(http: ReplicateHttp, since: number): AsyncGenerator<Prediction> {
  let query = "";
  for (let page = 0; page < mostPages; page++) {
    const { results, next } = await http.call({ method: "GET", path: `/predictions${query}`, schema: PageSchema });
    for (const prediction of results) {
      if (Date.parse(prediction.created_at ?? "") < since) return;
      yield prediction;
    }
    if (next == null || !URL.canParse(next)) return;
    // Only the cursor is taken from it: where calls go is not the server's to say.
    query = new URL(next).search;
  }
}

function isMeant(prediction: Prediction, { model, input }: LostCreate): boolean {
  const { version } = model.create;
  if (model.owner !== undefined && prediction.model !== `${model.owner}/${model.name}`) return false;
  if (version !== undefined && prediction.version !== version) return false;
  const theirs = prediction.input ?? {};
  return Object.entries(input).every(([name, value]) => isSame(value, theirs[name]));
}

/** Inline files may be kept elsewhere, and a seed of 64 bits loses digits in JSON. */
function isSame(ours: unknown, theirs: unknown): boolean {
  if (typeof ours === "string" && ours.startsWith("data:")) return typeof theirs === "string";
  if (typeof ours === "bigint") return Number(theirs) === Number(ours);
  return JSON.stringify(ours) === JSON.stringify(theirs);
}
