import {
  ConnectionError,
  type EncodedPayload,
  GenerationError,
  type GenerationEvent,
  imageFailed,
  loadImageSource,
  ProgressClock,
  probeImage,
} from "@latentkit/core";
import type { PlannedCall } from "./map-request.ts";
import type { OpenAiCalls } from "./openai-calls.ts";
import { connectionError, errorOfStream, type ToldError, toldError } from "./openai-error.ts";
import { backendId, type ResolvedOpenAiOptions } from "./openai-options.ts";
import type { Usage, UsageSum } from "./usage.ts";

/** What is told of a picture. */
interface ToldImage {
  b64_json?: string | null;
  url?: string | null;
  revised_prompt?: string | null;
  /** Of servers that have seeds. */
  seed?: unknown;
}

interface ToldEvent extends ToldImage {
  type?: string;
  partial_image_index?: number;
  usage?: Usage;
  error?: ToldError;
  message?: string;
}

/** What a call is run with. */
export interface CallContext {
  calls: OpenAiCalls;
  options: ResolvedOpenAiOptions;
  signal: AbortSignal;
  usage: UsageSum;
}

/** The events of one call: unfinished pictures where it is streamed, then its pictures. */
export async function* callEvents(call: PlannedCall, context: CallContext): AsyncGenerator<GenerationEvent> {
  const { body, events, requestId } = await context.calls.answer(call, context.signal);
  if (events !== undefined) yield* streamed(call, events, requestId, context);
  else yield* whole(call, body, requestId, context);
}

async function* whole(
  call: PlannedCall,
  body: unknown,
  requestId: string | undefined,
  context: CallContext,
): AsyncGenerator<GenerationEvent> {
  const { data = [], usage } = (body ?? {}) as { data?: ToldImage[]; usage?: Usage };
  context.usage.add(usage, requestId);
  for (const [i, index] of call.indexes.entries()) {
    const told = (Array.isArray(data) ? data[i] : undefined) ?? undefined;
    if (told !== undefined) yield* pictureEvents(told, index, call, context);
    else if (i === 0) throw noPicture(call, requestId);
    else yield imageFailed(index, noPicture(call, requestId));
  }
}

async function* streamed(
  call: PlannedCall,
  events: AsyncGenerator<unknown>,
  requestId: string | undefined,
  context: CallContext,
): AsyncGenerator<GenerationEvent> {
  const [index = 0] = call.indexes;
  const clock = new ProgressClock("sample", (call.partials ?? 0) + 1);
  let step = 0;
  for await (const event of events) {
    const told = (event ?? {}) as ToldEvent;
    const type = textOf(told.type) ?? "";
    const error = told.error ?? undefined;
    if (type === "error" || error !== undefined)
      throw errorOfStream(`POST ${call.path}`, toldError(error ?? { message: told.message }), requestId);
    if (type.endsWith(".partial_image")) {
      const { partial_image_index: place } = told;
      step = Math.min(Math.max(step, (typeof place === "number" ? place : step) + 1), call.partials ?? 0);
      yield clock.at(step, { index });
      yield { type: "preview", index, step, image: await payloadOf(told, context) };
    } else if (type.endsWith(".completed")) {
      context.usage.add(told.usage, requestId);
      yield* pictureEvents(told, index, call, context);
      return;
    }
  }
  throw new ConnectionError(
    `POST ${call.path}: the stream ended before its picture. Whether it was made is unknown: the call is not made again, so that nothing is billed twice.`,
    { backend: backendId, retryable: false, details: { requestId, outcome: "unknown" } },
  );
}

async function* pictureEvents(
  told: ToldImage,
  index: number,
  call: PlannedCall,
  context: CallContext,
): AsyncGenerator<GenerationEvent> {
  const steps = (call.partials ?? 0) + 1;
  const image = await payloadOf(told, context);
  yield { type: "progress", phase: "sample", step: steps, steps, index };
  if (textOf(told.revised_prompt))
    yield { type: "log", level: "info", message: `Picture ${index} was drawn from: ${told.revised_prompt}` };
  const seed = call.seed ?? (typeof told.seed === "number" || typeof told.seed === "string" ? told.seed : undefined);
  yield { type: "image", index, ...(seed === undefined ? {} : { seed }), image };
}

/** A picture's bytes: in the answer, as a data URL, or at an address. */
async function payloadOf(told: ToldImage, context: CallContext): Promise<EncodedPayload> {
  const [b64_json, url] = [textOf(told.b64_json), textOf(told.url)];
  const bytes = b64_json
    ? Buffer.from(b64_json.replace(/^data:[^,]*,/, ""), "base64")
    : url
      ? await bring(url, context)
      : undefined;
  if (bytes === undefined)
    throw new GenerationError("The service answered with a picture that has no bytes.", { backend: backendId });
  const { mediaType } = await probeImage(bytes, "generated image", 2 ** 29);
  return { kind: "encoded", mediaType, base64: bytes.toString("base64") };
}

/** The server's own address is trusted as it is; what it names elsewhere must be public. */
async function bring(url: string, { calls, options, signal }: CallContext): Promise<Buffer> {
  const where = URL.parse(url, options.url.href);
  if (where?.origin === options.url.origin) {
    return calls.picture(where, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw connectionError(`GET ${where.pathname}`, cause);
    });
  }
  return Buffer.from(await loadImageSource({ url }, { field: "generated image", signal, maxBytes: options.maxBytes }));
}

function textOf(told: unknown): string | undefined {
  return typeof told === "string" ? told : undefined;
}

function noPicture({ path }: PlannedCall, requestId: string | undefined): GenerationError {
  return new GenerationError(`POST ${path} was answered without a picture.`, {
    backend: backendId,
    details: { requestId },
  });
}
