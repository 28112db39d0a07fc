import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { NotFoundError, TimeoutError } from "@latentkit/core";
import * as z from "zod";
import { isEnded, type Prediction, PredictionSchema } from "../api/prediction.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import type { ResolvedModel } from "../model/resolved-model.ts";
import type { CreateSettings, Predictions } from "../predictions.ts";
import { backendId } from "../replicate-error.ts";
import type { WebhookReceiver } from "./webhook-receiver.ts";

/** A prediction under way: its newest state, and who waits for the next. */
interface Running {
  state: Prediction;
  /** Whether `state` was told already. */
  told: boolean;
  failure?: { error: unknown };
  wake?: (() => void) | undefined;
  /** Whether the call that makes it has been answered. */
  answered: boolean;
}

/** A prediction may run for long, and its answer comes at the end. */
const longestRunMs = 24 * 60 * 60 * 1000;

/** How long a cancel is repeated while the prediction goes on. */
const cancelPatienceMs = 8_000;

/**
 * Predictions on a Cog server. It cannot be asked how a prediction fares, so each is one call that stays open until the
 * end (the server cancels it when the connection breaks, so none runs on unseen), and states come by webhook meanwhile.
 */
export class CogPredictions implements Predictions {
  /** The open call ends with the process. */
  readonly resumable = false;
  readonly #http: ReplicateHttp;
  readonly #receiver: WebhookReceiver | undefined;
  readonly #cancelPatienceMs: number;
  readonly #running = new Map<string, Running>();

  /** Without `receiver` there is no news before the end. */
  constructor(http: ReplicateHttp, receiver: WebhookReceiver | undefined, patienceMs = cancelPatienceMs) {
    this.#cancelPatienceMs = patienceMs;
    this.#http = http;
    this.#receiver = receiver;
  }

  async create(
    _model: ResolvedModel,
    input: Record<string, unknown>,
    settings: CreateSettings,
    signal: AbortSignal,
  ): Promise<Prediction> {
    signal.throwIfAborted();
    const id = `lk${randomUUID().replaceAll("-", "")}`;
    const running: Running = {
      state: { id, status: "starting", output: null, error: null },
      told: true,
      answered: false,
    };
    this.#running.set(id, running);
    const news = (state: Prediction) => {
      running.state = state;
      running.told = false;
      running.wake?.();
    };
    // Webhooks come late: none counts once the call is answered, and the end counts only as its answer.
    const own = await this.#receiver?.expect(id, (state) => {
      if (!isEnded(state) && !running.answered) news(state);
    });
    const webhook = own ?? settings.webhook;
    const filter = own === undefined ? settings.webhookEvents : ["start", "output", "logs"];
    const body = {
      input,
      ...(webhook === undefined ? {} : { webhook }),
      ...(filter === undefined ? {} : { webhook_events_filter: filter }),
    };
    const path = `/predictions/${id}`;
    this.#http
      .call({ method: "PUT", path, body, schema: PredictionSchema, budget: "create", extraMs: longestRunMs, signal })
      .then(
        (state) => {
          running.answered = true;
          news(state);
        },
        (error: unknown) => {
          running.answered = true;
          running.failure = { error };
          running.wake?.();
        },
      );
    return running.state;
  }

  /** The next state that is news. */
  async get(id: string, signal?: AbortSignal): Promise<Prediction> {
    const running = this.#running.get(id);
    if (running === undefined) throw new NotFoundError(`Prediction ${id} does not run in this process.`);
    while (running.told && running.failure === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      running.wake = resolve;
      signal?.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      signal?.throwIfAborted();
    }
    if (running.failure !== undefined) {
      this.#forget(id);
      throw running.failure.error;
    }
    running.told = true;
    if (isEnded(running.state)) this.#forget(id);
    return running.state;
  }

  /** Asks until the call is answered: a cancel can overtake the call that it is meant for. */
  async cancel(id: string): Promise<void> {
    const running = this.#running.get(id);
    this.#forget(id);
    const path = `/predictions/${id}/cancel`;
    const call = { method: "POST", path, schema: z.unknown(), priority: 1 } as const;
    const until = Date.now() + this.#cancelPatienceMs;
    do {
      // Unknown there: it has not begun, or is over.
      await this.#http.call(call).catch((error: unknown) => {
        if (!NotFoundError.isInstance(error)) throw error;
      });
      if (running?.answered === false) await sleep(200);
    } while (running?.answered === false && Date.now() < until);
    if (running?.answered === false)
      throw new TimeoutError(`The Cog server did not end prediction ${id} after it was cancelled.`, {
        backend: backendId,
        details: { predictionId: id },
      });
  }

  #forget(id: string): void {
    this.#running.delete(id);
    this.#receiver?.forget(id);
  }
}
