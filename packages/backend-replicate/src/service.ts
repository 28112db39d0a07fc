import { ConfigError, InvalidRequestError, type Issue, registerSecret, version } from "@latentkit/core";
import { CogModel } from "./cog/cog-model.ts";
import { cogIssues, type ReplicateOnly } from "./cog/cog-options.ts";
import { CogPredictions } from "./cog/cog-predictions.ts";
import { WebhookReceiver } from "./cog/webhook-receiver.ts";
import { makeDispatchers } from "./http/dispatcher.ts";
import { RateLimiter } from "./http/rate-limiter.ts";
import { ReplicateHttp } from "./http/replicate-http.ts";
import { ModelCatalog } from "./model/model-catalog.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";
import { type Predictions, ReplicatePredictions } from "./predictions.ts";
import { backendId } from "./replicate-error.ts";
import type { ReplicateOptions } from "./replicate-options.ts";

/** Replicate's API. */
const replicateUrl = "https://api.replicate.com/v1";

/** What a backend talks to: Replicate, or a Cog server. */
export interface Service {
  cog: boolean;
  http: ReplicateHttp;
  token: string | undefined;
  predictions: Predictions;
  callsPerMinute: number;
  /** What of a request's own options cannot be honoured here. */
  refused(given: ReplicateOnly): Issue[];
  /** @throws InvalidRequestError when no model is named where one must be, or the other way round. */
  model(named: string | undefined): Promise<ResolvedModel>;
  close(): Promise<void>;
}

/** @throws ConfigError for options that do not go together, or without a token where one is needed. */
export function openService(options: ReplicateOptions, env: NodeJS.ProcessEnv): Service {
  const cog =
    (options.api ?? (options.url !== undefined && options.model === undefined ? "cog" : "replicate")) === "cog";
  if (cog && options.url === undefined)
    throw new ConfigError('replicate: api "cog" needs a url', { backend: backendId });
  const base = new URL(options.url ?? replicateUrl);
  const listens = cog && listensFor(base, options);
  const refused = (given: ReplicateOnly) => (cog ? cogIssues(given, listens) : []);
  const issues = refused(options);
  if (issues.length > 0)
    throw new ConfigError(`replicate: ${issues.map(({ field, message }) => `${field}: ${message}`).join("; ")}`, {
      backend: backendId,
    });
  // A Cog server is not Replicate: the account's token stays here.
  const token = options.token ?? (cog ? undefined : tokenOf(env));
  registerSecret(token);
  const dispatchers = makeDispatchers(options);
  const unlimited = { createsPerMinute: Number.POSITIVE_INFINITY, callsPerMinute: Number.POSITIVE_INFINITY };
  const limiter = new RateLimiter(options.rateLimit ?? (cog ? unlimited : {}));
  const retry = options.retry ?? {};
  const { minDelayMs = 500 } = retry;
  const userAgent = `latentkit/${version}`;
  const http = new ReplicateHttp({
    base,
    token,
    dispatchers,
    limiter,
    retry,
    userAgent,
    timeoutMs: options.timeoutMs ?? 60_000,
    ...(cog ? { busy: [409, 503] } : {}),
  });
  const receiver = listens ? new WebhookReceiver(options.progress || {}) : undefined;
  const cogModel = new CogModel(http, options.schema, retry.rateLimitPatienceMs ?? 300_000);
  const catalog = new ModelCatalog(http, options.schemaCacheMs ?? 300_000);
  return {
    cog,
    http,
    token,
    predictions: cog
      ? new CogPredictions(http, receiver)
      : new ReplicatePredictions(http, [2 * minDelayMs, 6 * minDelayMs]),
    callsPerMinute: limiter.callsPerMinute,
    refused,
    model: async (named) => (cog ? cogModel.get(named) : catalog.get(named ?? noModel())),
    close: async () => {
      await receiver?.close();
      await dispatchers.close();
    },
  };
}

function tokenOf(env: NodeJS.ProcessEnv): string {
  const token = env.REPLICATE_API_TOKEN?.trim();
  if (token) return token;
  throw new ConfigError(
    "Replicate needs a token: set REPLICATE_API_TOKEN (replicate.com/account/api-tokens), or give the option token.",
    { backend: backendId },
  );
}

function noModel(): never {
  const message = "name a model such as black-forest-labs/flux-schnell, in the request or in replicate({ model })";
  throw new InvalidRequestError([{ field: "model", message }], { backend: backendId });
}

/** Whether a Cog server can reach this process to tell progress. */
function listensFor(base: URL, { progress }: ReplicateOptions): boolean {
  if (progress === false) return false;
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(base.hostname);
  return progress !== undefined || loopback;
}
