import { setTimeout as sleep } from "node:timers/promises";
import {
  boundedBody,
  headDeadline,
  LatentKitError,
  neverArrived,
  RateLimitError,
  type ReadBodyOptions,
  readBody,
  version,
} from "@latentkit/core";
import { createParser } from "eventsource-parser";
import pRetry from "p-retry";
import { Agent, type Dispatcher, FormData, request } from "undici";
import { type PlannedCall, toJson } from "./map-request.ts";
import { connectionError, errorOfAnswer, toldIn } from "./openai-error.ts";
import type { ResolvedOpenAiOptions } from "./openai-options.ts";

/** An answer: whole, or as a stream of events. */
export interface Answer {
  requestId: string | undefined;
  /** Where it is one JSON document. */
  body?: unknown;
  /** Where it is a stream: the JSON of each event. */
  events?: AsyncGenerator<unknown>;
}

/** A wait that a server asks for is kept up to this long. */
const mostPatienceMs = 120_000;

/** Calls to one address: its key goes nowhere else, redirects are not followed, what may have been billed is not repeated. */
export class OpenAiCalls {
  readonly #options: ResolvedOpenAiOptions;
  readonly #own: Agent | undefined;

  constructor(options: ResolvedOpenAiOptions) {
    this.#options = options;
    this.#own = options.dispatcher === undefined ? new Agent({ keepAliveTimeout: 5000 }) : undefined;
  }

  /** @throws the typed error of what went wrong. */
  async answer(call: PlannedCall, signal: AbortSignal): Promise<Answer> {
    let askedMs = 0;
    return pRetry(() => this.#once(call, signal), {
      retries: this.#options.retries,
      minTimeout: 500,
      maxTimeout: 15_000,
      randomize: true,
      signal,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        const ms = LatentKitError.isInstance(error) ? Number(error.details.retryAfterMs ?? 0) : 0;
        askedMs += ms;
        if (ms > 0 && retriesLeft > 0 && askedMs <= mostPatienceMs)
          await sleep(ms, undefined, { signal }).catch(() => {});
      },
      // Neither a call that never came through nor one that was turned away has done anything.
      shouldRetry: ({ error }) =>
        !signal.aborted &&
        askedMs <= mostPatienceMs &&
        (RateLimitError.isInstance(error) ||
          (LatentKitError.isInstance(error) && error.retryable && neverArrived(error.cause))),
    });
  }

  /** A picture that lies on the server's own address. */
  async picture(url: URL, signal: AbortSignal): Promise<Buffer> {
    const reply = await request(url, { dispatcher: this.#dispatcher, headers: this.#options.headers, signal });
    if (reply.statusCode === 200) return readBody(reply.body, this.#limits(`GET ${url.pathname}`));
    await reply.body.dump().catch(() => {});
    throw errorOfAnswer({ call: `GET ${url.pathname}`, status: reply.statusCode, error: {} });
  }

  async dispose(): Promise<void> {
    await this.#own?.destroy();
  }

  get #dispatcher(): Dispatcher {
    return this.#options.dispatcher ?? this.#own!;
  }

  #limits(what: string): ReadBodyOptions {
    const { timeoutMs, maxBytes } = this.#options;
    return { maxBytes, timeoutMs, wholeMs: 4 * timeoutMs, what };
  }

  async #once(call: PlannedCall, signal: AbortSignal): Promise<Answer> {
    const name = `POST ${call.path}`;
    using deadline = headDeadline(this.#options.timeoutMs, name, signal);
    const lost = (cause: unknown) => {
      signal.throwIfAborted();
      throw connectionError(name, cause);
    };
    const reply = await this.#send(call, deadline.signal).catch(lost);
    deadline.met();
    const header = (key: string) => [reply.headers[key]].flat()[0];
    const requestId = header("x-request-id");
    if (reply.statusCode !== 200) {
      const text = await readBody(reply.body, { ...this.#limits(name), maxBytes: 2 ** 20 }).then(String, () => "");
      const after = Number.parseFloat(header("retry-after") ?? "");
      throw errorOfAnswer({
        call: name,
        status: reply.statusCode,
        error: toldIn(text),
        requestId,
        ...(after > 0 ? { retryAfterMs: Math.ceil(after * 1000) } : {}),
      });
    }
    if (header("content-type")?.startsWith("text/event-stream"))
      return { requestId, events: this.#events(reply.body, name, signal) };
    const text = await readBody(reply.body, this.#limits(name)).catch(lost);
    return { requestId, body: json(text.toString("utf8"), name) };
  }

  async *#events(body: Dispatcher.ResponseData["body"], name: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const told: unknown[] = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        if (data !== "[DONE]") told.push(json(data, name));
      },
    });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of boundedBody(body, this.#limits(name))) {
        parser.feed(decoder.decode(chunk, { stream: true }));
        yield* told.splice(0);
      }
    } catch (cause) {
      signal.throwIfAborted();
      throw connectionError(name, cause);
    } finally {
      body.on("error", () => {}).destroy();
    }
  }

  #send({ path, fields, files }: PlannedCall, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { url, headers, timeoutMs } = this.#options;
    const isForm = files.length > 0;
    return request(`${url.href.replace(/\/$/, "")}${path}`, {
      method: "POST",
      dispatcher: this.#dispatcher,
      headers: {
        accept: fields.stream === true ? "text/event-stream" : "application/json",
        "user-agent": `LatentKit/${version}`,
        ...(isForm ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: isForm ? formOf(fields, files) : toJson(fields),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal,
    });
  }
}

function formOf(fields: PlannedCall["fields"], files: PlannedCall["files"]): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    form.append(name, typeof value === "object" && value !== null ? toJson(value) : String(value));
  for (const { name, bytes, mediaType } of files) {
    const type = mediaType.slice("image/".length);
    form.append(
      name,
      new Blob([bytes as Uint8Array<ArrayBuffer>], { type: mediaType }),
      `${name.replace("[]", "")}.${type}`,
    );
  }
  return form;
}

function json(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw errorOfAnswer({ call: name, status: 502, error: { message: `no JSON, but: ${text.slice(0, 120)}` } });
  }
}
