import {
  AuthenticationError,
  BodyTooLarge,
  type GenerationEvent,
  type LatentKitError,
  readBody,
  TimeoutError,
} from "@latentkit/core";
import { isEnded, type Prediction, PredictionSchema } from "../api/prediction.ts";
import { sumMetrics } from "../metrics.ts";
import { Recent } from "../recent.ts";
import { errorOfPrediction } from "../replicate-error.ts";
import { PredictionReader } from "../replicate-events.ts";
import { checkHeaders, verifyWebhook } from "./verify-webhook.ts";

/** What one delivery brought. */
export interface WebhookNews {
  predictionId: string;
  /** The events that were new, in order: the same as a job's. */
  events: GenerationEvent[];
  /** How the prediction ended, where it failed or was cancelled. */
  error?: LatentKitError;
  /** The state as Replicate tells it. */
  prediction: Prediction;
}

/** Settings of {@link webhookHandler}. */
export interface WebhookHandlerOptions {
  /** The signing secret, `whsec_…`, or what brings it: asked at most every five minutes, and again when it failed. */
  secret: string | (() => string | Promise<string>);
  /** Called once for each delivery that is new; Replicate tries again when it throws. */
  onNews(news: WebhookNews): void | Promise<void>;
  /** Whether the model's outputs are unfinished states of one picture. Default false. */
  previews?: boolean;
  /** How many predictions and deliveries are remembered. Default 10 000. */
  remember?: number;
  /** Larger bodies are refused, in bytes. Default 16 MiB. */
  maxBytes?: number;
}

/** How long a secret is used before it is asked for again: it may be changed. */
const secretLifeMs = 5 * 60_000;
/** How long a delivery may take to come. */
const longestBodyMs = 30_000;

interface Tracked {
  reader: PredictionReader;
  started: boolean;
  ended: boolean;
}

/**
 * A handler for Replicate's webhooks, for any server that speaks Fetch's `Request` and `Response`: it verifies each
 * delivery, drops repeated ones, and tells what is new as a job's events.
 *
 * @example
 * ```ts
 * const handle = webhookHandler({ secret: process.env.REPLICATE_WEBHOOK_SECRET!, onNews: ({ events }) => store(events) });
 * export const POST = (request: Request) => handle(request);
 * ```
 */
export function webhookHandler(options: WebhookHandlerOptions): (request: Request) => Promise<Response> {
  const { secret, onNews, previews = false, remember = 10_000, maxBytes = 16 * 2 ** 20 } = options;
  const deliveries = new Recent<string, Promise<boolean>>(remember);
  const predictions = new Recent<string, Tracked>(remember);
  const keyOf = typeof secret === "string" ? () => secret : remembered(secret);

  return async (request) => {
    if (request.method !== "POST") return answer(405, "only POST");
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return answer(413, "too large");
    const id = request.headers.get("webhook-id");
    const timestamp = request.headers.get("webhook-timestamp");
    const signature = request.headers.get("webhook-signature");
    // Strangers must not make us ask for the secret: what is wrong without it is refused first.
    const unsigned = refusal(() => checkHeaders({ id, timestamp, signature }));
    if (unsigned !== undefined) return answer(401, unsigned);
    const body = await readText(request, maxBytes);
    if (body === undefined) return answer(413, "too large, or too slow");
    const key = await keyOf();
    const forged = refusal(() => verifyWebhook({ id, timestamp, signature, body }, key));
    if (forged !== undefined) return answer(401, forged);
    // A delivery is made again when its answer was lost: it must not be told twice.
    // One that comes again while the first is still being told waits for that one's end: if it fails, this one is told.
    for (let known = deliveries.get(id!); known !== undefined; known = deliveries.get(id!)) {
      if (await known) return answer(200, "known already");
      if (deliveries.get(id!) === known) break;
    }
    const parsed = parse(body);
    if (parsed === undefined) return answer(400, "not a prediction");
    const { promise: told, resolve } = Promise.withResolvers<boolean>();
    deliveries.set(id!, told);
    try {
      await onNews(toNews(parsed, predictions, previews));
      resolve(true);
    } catch (error) {
      deliveries.delete(id!);
      predictions.delete(parsed.id);
      resolve(false);
      throw error;
    }
    return answer(200, "thank you");
  };
}

/** The body as text; undefined for one that is too large, or does not come to its end in half a minute. */
async function readText(request: Request, maxBytes: number): Promise<string | undefined> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const body = {
    async *[Symbol.asyncIterator]() {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value as Uint8Array;
    },
    destroy: () => void reader.cancel().catch(() => {}),
  };
  try {
    const limits = { maxBytes, timeoutMs: longestBodyMs / 2, wholeMs: longestBodyMs, what: "the delivery" };
    return (await readBody(body, limits)).toString("utf8");
  } catch (error) {
    if (error instanceof BodyTooLarge || TimeoutError.isInstance(error)) return undefined;
    throw error;
  }
}

/** What an AuthenticationError says against a delivery. */
function refusal(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (AuthenticationError.isInstance(error)) return error.message;
    throw error;
  }
}

/** Asks once for all deliveries, and anew where that failed. */
function remembered(ask: () => string | Promise<string>): () => Promise<string> {
  let known: { key: Promise<string>; until: number } | undefined;
  return () => {
    if (known !== undefined && Date.now() < known.until) return known.key;
    const mine = { key: (async () => ask())(), until: Date.now() + secretLifeMs };
    known = mine;
    mine.key.catch(() => {
      if (known === mine) known = undefined;
    });
    return mine.key;
  };
}

function toNews(prediction: Prediction, known: Recent<string, Tracked>, previews: boolean): WebhookNews {
  const tracked = known.get(prediction.id) ?? {
    reader: newReader(previews, seedOf(prediction)),
    started: false,
    ended: false,
  };
  known.set(prediction.id, tracked);
  const { reader } = tracked;
  // A training's output is a model: its weights are no picture.
  const training = /\/trainings\//.test(prediction.urls?.get ?? "");
  const read = reader.read(training ? { ...prediction, output: null } : prediction);
  const events: GenerationEvent[] = [];
  if (reader.begun && !tracked.started) {
    tracked.started = true;
    const { model, version } = prediction;
    const identity = model ? { model: { id: version && version !== "hidden" ? `${model}:${version}` : model } } : {};
    events.push({ type: "started", ...identity });
  }
  // Not spread: a log may have a million lines.
  for (const event of read) events.push(event);
  const news: WebhookNews = { predictionId: prediction.id, events, prediction };
  // Several deliveries may bring the final state: the end is told once.
  if (tracked.ended) return news;
  tracked.ended = isEnded(prediction);
  if (prediction.status === "succeeded") events.push({ type: "completed", ...sumMetrics([prediction]) });
  else if (isEnded(prediction)) news.error = errorOfPrediction(prediction, training ? "training" : "prediction");
  return news;
}

function seedOf({ input }: Prediction): number | string | undefined {
  const seed = input?.seed;
  return typeof seed === "number" || typeof seed === "string" ? seed : undefined;
}

function newReader(previews: boolean, seed: number | string | undefined): PredictionReader {
  let next = 1;
  return new PredictionReader({ index: 0, seed, several: false, previews, previewEvery: 1, nextIndex: () => next++ });
}

function parse(body: string): Prediction | undefined {
  try {
    return PredictionSchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function answer(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
