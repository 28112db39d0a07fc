import * as z from "zod";
import { type Prediction, type PredictionCreateSchema, PredictionSchema } from "./api/prediction.ts";
import type { ReplicateHttp } from "./http/replicate-http.ts";
import { isLost } from "./http/retry.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";
import { Recent } from "./recent.ts";
import { recoverPrediction } from "./recover-prediction.ts";

/** How predictions are created. */
export interface CreateSettings {
  /** Seconds (1 to 60) that the create itself waits for the end; 0 answers at once. */
  wait: number;
  /** Longest life of a prediction, such as `"90s"` or `"5m"`: Replicate's `Cancel-After`. */
  cancelAfter?: string | undefined;
  /** Where Replicate posts the prediction's states. */
  webhook?: string | undefined;
  /** Whether a create whose answer was lost is looked for: its input must tell it from others. */
  recover: boolean;
  webhookEvents?: readonly ("start" | "output" | "logs" | "completed")[] | undefined;
}

/** The predictions of one backend: created, read, cancelled. */
export interface Predictions {
  /** Whether another process can go on with a prediction. */
  readonly resumable: boolean;
  create(
    model: ResolvedModel,
    input: Record<string, unknown>,
    settings: CreateSettings,
    signal: AbortSignal,
  ): Promise<Prediction>;
  get(id: string, signal?: AbortSignal): Promise<Prediction>;
  cancel(id: string): Promise<void>;
}

/** Predictions through Replicate's API. */
export class ReplicatePredictions implements Predictions {
  readonly resumable = true;
  readonly #http: ReplicateHttp;
  readonly #waitsMs: readonly number[];
  /** Predictions that jobs of this backend have. */
  readonly #taken = new Recent<string, true>(100_000);
  /** How many equal creates are under way. */
  readonly #underWay = new Map<string, number>();

  /** `waitsMs`: when a create whose answer was lost is looked for. */
  constructor(http: ReplicateHttp, waitsMs: readonly number[]) {
    this.#http = http;
    this.#waitsMs = waitsMs;
  }

  async create(
    model: ResolvedModel,
    input: Record<string, unknown>,
    settings: CreateSettings,
    signal: AbortSignal,
  ): Promise<Prediction> {
    const sentAt = Date.now();
    const key = keyOf(model, input);
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    try {
      const prediction = await this.#create(model, input, settings, signal);
      this.#taken.set(prediction.id, true);
      return prediction;
    } catch (error) {
      if (!isLost(error) || !settings.recover) throw error;
      const take = (id: string) => {
        // Of two equal creates under way nobody can say whose a prediction is: better none than one for both.
        if (this.#taken.get(id) || this.#underWay.get(key)! > 1) return false;
        this.#taken.set(id, true);
        return true;
      };
      const found = recoverPrediction({ model, input, sentAt }, this.#http, { take, waitsMs: this.#waitsMs });
      const prediction = await found.catch(() => undefined);
      if (prediction === undefined) throw error;
      return prediction;
    } finally {
      const others = this.#underWay.get(key)! - 1;
      if (others > 0) this.#underWay.set(key, others);
      else this.#underWay.delete(key);
    }
  }

  /** The signal stops the waiting before the call, not the call: what was created must be known, to be cancelled. */
  #create(
    model: ResolvedModel,
    input: Record<string, unknown>,
    { wait, cancelAfter, webhook, webhookEvents }: CreateSettings,
    signal: AbortSignal,
  ): Promise<Prediction> {
    const { path, version } = model.create;
    const body: z.input<typeof PredictionCreateSchema> = {
      ...(version === undefined ? {} : { version: `${model.owner}/${model.name}:${version}` }),
      input,
      ...(webhook === undefined ? {} : { webhook }),
      ...(webhook === undefined || webhookEvents === undefined ? {} : { webhook_events_filter: [...webhookEvents] }),
    };
    return this.#http.call({
      method: "POST",
      path,
      body,
      headers: {
        ...(wait > 0 ? { prefer: `wait=${wait}` } : {}),
        ...(cancelAfter === undefined ? {} : { "cancel-after": cancelAfter }),
      },
      schema: PredictionSchema,
      budget: "create",
      extraMs: wait * 1000,
      signal,
    });
  }

  get(id: string, signal?: AbortSignal): Promise<Prediction> {
    const path = `/predictions/${encodeURIComponent(id)}`;
    return this.#http.call({ method: "GET", path, schema: PredictionSchema, signal });
  }

  async cancel(id: string): Promise<void> {
    const path = `/predictions/${encodeURIComponent(id)}/cancel`;
    await this.#http.call({ method: "POST", path, schema: z.unknown(), priority: 1 });
  }
}

/** Equal for creates that make predictions which cannot be told apart. */
function keyOf({ create }: ResolvedModel, input: Record<string, unknown>): string {
  const plain = (_key: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);
  return JSON.stringify([create.path, create.version, input], plain);
}
