import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, InvalidRequestError, ModelError } from "@latentkit/core";
import * as z from "zod";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { readModelSchema } from "../model/input-schema.ts";
import type { ResolvedModel } from "../model/resolved-model.ts";
import { backendId } from "../replicate-error.ts";

/** What a Cog server says of itself. */
export const HealthSchema = z.looseObject({
  status: z.string(),
  setup: z.looseObject({ status: z.string().nullish(), logs: z.string().nullish() }).nullish(),
});

const readyPollMs = 500;

/** The one model of a Cog server: its schema is read once, after its setup is over. */
export class CogModel {
  readonly #http: ReplicateHttp;
  readonly #schema: unknown;
  readonly #patienceMs: number;
  #model: Promise<ResolvedModel> | undefined;

  /** `schema` stands in for the server's own, where it serves none. */
  constructor(http: ReplicateHttp, schema: unknown, patienceMs: number) {
    this.#http = http;
    this.#schema = schema;
    this.#patienceMs = patienceMs;
  }

  /** @throws InvalidRequestError for a named model: the server has one. */
  get(model: string | undefined): Promise<ResolvedModel> {
    if (model !== undefined)
      throw new InvalidRequestError([{ field: "model", message: "a Cog server has one model: leave it out" }], {
        backend: backendId,
      });
    this.#model ??= this.#load().catch((error: unknown) => {
      this.#model = undefined;
      throw error;
    });
    return this.#model;
  }

  async #load(): Promise<ResolvedModel> {
    await this.#ready();
    const { host } = this.#http.base;
    const document = this.#schema ?? (await this.#document());
    return {
      ref: undefined,
      owner: undefined,
      name: undefined,
      identity: { id: `cog at ${host}` },
      schema: readModelSchema(document, `at ${host}`),
      create: { path: "/predictions" },
    };
  }

  async #document(): Promise<unknown> {
    try {
      return await this.#http.call({ method: "GET", path: "/openapi.json", schema: z.unknown() });
    } catch (cause) {
      throw new ConfigError(
        `The Cog server at ${this.#http.base.host} serves no /openapi.json: rebuild the model with a recent cog, or give its document as the option schema.`,
        { cause, backend: backendId },
      );
    }
  }

  /** Waits while the model is set up: weights may take minutes. */
  async #ready(): Promise<void> {
    const until = Date.now() + this.#patienceMs;
    while (true) {
      const { status, setup } = await this.#http.call({ method: "GET", path: "/health-check", schema: HealthSchema });
      if (status === "SETUP_FAILED" || status === "DEFUNCT" || setup?.status === "failed")
        throw new ModelError(`The Cog server's setup failed: ${(setup?.logs ?? status).trim().slice(-500)}`, {
          backend: backendId,
          details: { status },
        });
      if (status !== "STARTING" || Date.now() > until) return;
      await sleep(readyPollMs);
    }
  }
}
