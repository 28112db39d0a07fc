import { setTimeout as sleep } from "node:timers/promises";
import type { SharedV4Warning } from "@ai-sdk/provider";
import {
  ConnectionError,
  ContentRefusedError,
  type EncodedPayload,
  GenerationError,
  type GenerationEvent,
  imageFailed,
  LatentKitError,
  neverArrived,
  probeImage,
  RateLimitError,
} from "@latentkit/core";
import pRetry from "p-retry";
import { errorOf } from "./ai-sdk-error.ts";
import { type AiSdkModel, backendId, type ResolvedAiSdkOptions } from "./ai-sdk-options.ts";
import type { SharedCallOptions } from "./call-options.ts";

/** One call to a model. */
export interface ModelCall {
  indexes: readonly number[];
  seed?: number | undefined;
}

/** What calls are made with. */
export interface CallContext {
  model: AiSdkModel;
  options: ResolvedAiSdkOptions;
  shared: SharedCallOptions;
  signal: AbortSignal;
  /** What providers tell of pictures and of what was used. */
  told: ToldMetrics;
}

/** Figures of all calls of a request. */
export interface ToldMetrics {
  usage: Record<string, number>;
  /** By a picture's index. */
  images: Record<number, Record<string, unknown>>;
}

/** Answers of all three versions of the specification. */
interface Answer {
  images: readonly (string | Uint8Array)[];
  isRetryable?: boolean;
  warnings?: readonly (SharedV4Warning | { type: "unsupported-setting"; setting: string; details?: string })[];
  providerMetadata?: Readonly<Record<string, { images?: readonly unknown[]; finishReason?: unknown }>>;
  response?: { modelId?: string };
  usage?: Readonly<Record<string, number | undefined>> | undefined;
}

/** The events of one call: a picture each, and what the provider warns of. */
export async function* callEvents(call: ModelCall, context: CallContext): AsyncGenerator<GenerationEvent> {
  const answer = await ask(call, context);
  yield* warningsOf(answer, call, context);
  for (const [name, value] of Object.entries(answer.usage ?? {}))
    if (typeof value === "number") context.told.usage[name] = (context.told.usage[name] ?? 0) + value;
  for (const [i, index] of call.indexes.entries()) {
    const image = answer.images[i];
    if (image === undefined || image === null) {
      const error = withoutPicture(answer);
      if (i === 0) throw error;
      yield imageFailed(index, error);
      continue;
    }
    const metadata = Object.fromEntries(
      Object.entries(answer.providerMetadata ?? {}).flatMap(([name, { images }]) =>
        images?.[i] === undefined || images[i] === null ? [] : [[name, images[i]]],
      ),
    );
    if (Object.keys(metadata).length > 0) context.told.images[index] = metadata;
    const payload = await payloadOf(image);
    yield { type: "progress", phase: "sample", step: 1, steps: 1, index };
    yield { type: "image", index, ...(call.seed === undefined ? {} : { seed: call.seed }), image: payload };
  }
}

async function ask({ indexes, seed }: ModelCall, { model, options, shared, signal }: CallContext): Promise<Answer> {
  const asking = (abortSignal: AbortSignal) => ({
    ...shared,
    n: indexes.length,
    seed,
    abortSignal,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });
  const once = async () => {
    try {
      return answerOf(
        await within(
          options.timeoutMs,
          signal,
          (ending) => model.doGenerate(asking(ending) as never) as PromiseLike<unknown>,
        ),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw errorOf(error);
    }
  };
  return pRetry(once, {
    retries: options.retries,
    minTimeout: 500,
    maxTimeout: 15_000,
    randomize: true,
    signal,
    onFailedAttempt: async ({ error, retriesLeft }) => {
      const ms = LatentKitError.isInstance(error) ? Number(error.details.retryAfterMs ?? 0) : 0;
      if (retriesLeft > 0 && ms > 0) await sleep(Math.min(ms, 60_000), undefined, { signal }).catch(() => {});
    },
    // Whatever else goes wrong may have been billed.
    shouldRetry: ({ error }) =>
      !signal.aborted &&
      (RateLimitError.isInstance(error) ||
        (LatentKitError.isInstance(error) && error.retryable && neverArrived(error.cause))),
  });
}

/** An answer with what stands in it rightly; a provider's own types are its word alone. @throws GenerationError for what is none. */
function answerOf(told: unknown): Answer {
  const { images, warnings, providerMetadata, usage, isRetryable } = (told ?? {}) as Record<string, unknown>;
  if (!Array.isArray(images))
    throw new GenerationError("The provider answered without a list of pictures.", { backend: backendId });
  const facts = Object.entries(isObject(providerMetadata) ? providerMetadata : {});
  return {
    images,
    warnings: (Array.isArray(warnings) ? warnings.filter(isObject) : []) as NonNullable<Answer["warnings"]>,
    providerMetadata: Object.fromEntries(facts.filter(([, own]) => isObject(own))) as NonNullable<
      Answer["providerMetadata"]
    >,
    usage: (isObject(usage) ? usage : {}) as Record<string, number>,
    isRetryable: isRetryable === true,
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Waits for a provider, which may neither heed the signal nor ever answer, no longer than `ms`. */
async function within<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => PromiseLike<T>): Promise<T> {
  const deadline = AbortSignal.timeout(Math.min(Math.ceil(ms), 2 ** 31 - 1));
  const ending = AbortSignal.any([signal, deadline]);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(ending.reason);
  ending.addEventListener("abort", onAbort, { once: true });
  try {
    ending.throwIfAborted();
    return await Promise.race([work(ending), ended]);
  } catch (cause) {
    signal.throwIfAborted();
    if (!deadline.aborted) throw cause;
    throw new ConnectionError(
      `The provider did not answer within ${ms} ms (timeoutMs). Whether the picture was made is unknown: the call is not made again, so that nothing is billed twice.`,
      { cause, backend: backendId, retryable: false, details: { outcome: "unknown" } },
    );
  } finally {
    ending.removeEventListener("abort", onAbort);
  }
}

/** Names of the AI SDK's settings in our requests. */
const fields: Readonly<Record<string, string>> = {
  size: "width",
  aspectRatio: "width",
  seed: "seed",
  n: "count",
  files: "image",
  mask: "mask",
};

function* warningsOf(
  { warnings = [] }: Answer,
  { indexes, seed }: ModelCall,
  { shared }: CallContext,
): Generator<GenerationEvent> {
  const sent: Readonly<Record<string, unknown>> = { ...shared, seed, n: indexes.length };
  for (const warning of warnings) {
    if (warning.type === "other") {
      yield { type: "warning", code: "provider", message: warning.message };
      continue;
    }
    if (warning.type === "deprecated") {
      yield { type: "warning", code: "provider", message: `${warning.setting}: ${warning.message}` };
      continue;
    }
    const feature = warning.type === "unsupported-setting" ? warning.setting : warning.feature;
    const message = `${feature}: ${warning.details ?? "the model does not take it as it is"}`;
    // Some providers warn of settings that they were not given.
    if (feature in fields && sent[feature] === undefined) yield { type: "log", level: "debug", message };
    else {
      const field = fields[feature];
      const code = warning.type === "compatibility" ? "provider" : "unsupported";
      yield { type: "warning", code, message, ...(field === undefined ? {} : { field }) };
    }
  }
}

function withoutPicture({ isRetryable, providerMetadata = {} }: Answer): LatentKitError {
  const reasons = Object.values(providerMetadata).map(({ finishReason }) => finishReason);
  const [reason] = reasons.filter((each) => typeof each === "string");
  const message = `The model answered without a picture${reason === undefined ? "" : ` (${reason})`}.`;
  const isRefused = /safety|prohibited|blocklist|filter|recitation|spii/i.test(String(reason ?? ""));
  if (isRefused) return new ContentRefusedError(message, { backend: backendId });
  return new GenerationError(message, { backend: backendId, retryable: isRetryable ?? false });
}

async function payloadOf(image: string | Uint8Array): Promise<EncodedPayload> {
  if (typeof image !== "string" && !(image instanceof Uint8Array))
    throw new GenerationError("The provider answered with a picture that is neither base64 nor bytes.", {
      backend: backendId,
    });
  const bytes = typeof image === "string" ? Buffer.from(image.replace(/^data:[^,]*,/, ""), "base64") : image;
  const { mediaType } = await probeImage(bytes, "generated image", 2 ** 29);
  return { kind: "encoded", mediaType, base64: Buffer.from(bytes).toString("base64") };
}
