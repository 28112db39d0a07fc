import {
  ConnectionError,
  headDeadline,
  LatentKitError,
  neverArrived,
  type ReadBodyOptions,
  readBody,
  redact,
} from "@latentkit/core";
import { type Dispatcher, FormData, request } from "undici";
import type { z } from "zod";
import { backendId, connectionError, errorOfResponse } from "../replicate-error.ts";
import type { Dispatchers } from "./dispatcher.ts";
import type { Budget, RateLimiter } from "./rate-limiter.ts";
import { type RetryOptions, withRetries } from "./retry.ts";
import { retryAfterMs } from "./retry-after.ts";
import { toJson } from "./to-json.ts";

/** One call to the API. */
export interface ApiCall<S extends z.ZodType> {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the base, such as `/predictions`. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Checks what comes back. */
  schema: S;
  signal?: AbortSignal | undefined;
  /** Default `"call"`. */
  budget?: Budget;
  /** 1 goes before other waiting calls. */
  priority?: number;
  /** Whether doing it twice is the same as doing it once. Default: all but creates. */
  idempotent?: boolean;
  /** What the answer's head may take beyond the usual silence, in milliseconds. */
  extraMs?: number;
}

/** What the HTTP layer needs to know. */
export interface HttpOptions {
  /** The API's base URL. The token goes to this origin and nowhere else. */
  base: URL;
  token: string | undefined;
  dispatchers: Dispatchers;
  limiter: RateLimiter;
  retry: RetryOptions;
  userAgent: string;
  /** Longest silence of the server, in milliseconds. */
  timeoutMs: number;
  /** Statuses by which a server says that it has no room now and has taken nothing. */
  busy?: readonly number[];
}

/** Predictions hold their log, and may hold pictures as data URLs. */
const maxBodyBytes = 128 * 2 ** 20;
/** Of an answer that says no. */
const maxErrorBytes = 2 ** 20;

/** JSON calls to one origin: authorised, rate-limited, repeated where that is safe, checked against a schema. */
export class ReplicateHttp {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  get base(): URL {
    return this.#options.base;
  }

  get dispatchers(): Dispatchers {
    return this.#options.dispatchers;
  }

  /** @throws the typed error of what went wrong; for a create of unknown outcome, a ConnectionError that says so. */
  async call<S extends z.ZodType>(call: ApiCall<S>): Promise<z.output<S>> {
    const { signal, budget = "call", priority = 0, idempotent = budget !== "create" } = call;
    const { limiter, retry } = this.#options;
    const attempt = async () => {
      await limiter.take(budget, { signal, priority });
      try {
        return await this.#once(call, idempotent ? signal : undefined);
      } catch (error) {
        if (idempotent) signal?.throwIfAborted();
        throw idempotent ? error : outcomeOf(error, call);
      }
    };
    return withRetries(attempt, { ...retry, idempotent, signal, wait: (ms) => limiter.pause(budget, ms, signal) });
  }

  async #once<S extends z.ZodType>(call: ApiCall<S>, signal: AbortSignal | undefined): Promise<z.output<S>> {
    const name = `${call.method} ${call.path}`;
    const { timeoutMs } = this.#options;
    using deadline = headDeadline(timeoutMs + (call.extraMs ?? 0), name, signal);
    const reply = await this.#send(call, deadline.signal).catch((cause: unknown) => {
      throw connectionError(name, cause);
    });
    deadline.met();
    const { statusCode: status, headers } = reply;
    const limits = {
      maxBytes: status >= 400 ? maxErrorBytes : maxBodyBytes,
      timeoutMs,
      wholeMs: 20 * timeoutMs,
      what: name,
    };
    const length = Number(headers["content-length"] ?? 0);
    const text = await readText(reply.body, { ...limits, length }).catch((cause: unknown) => {
      throw status >= 400 ? errorOfResponse({ ...callOf(call), status, body: "" }) : connectionError(name, cause);
    });
    if (status >= 300 && status < 400)
      throw new ConnectionError(
        `${name} was redirected (HTTP ${status}); the token is sent to ${this.base.origin} only, so this is not followed.`,
        { backend: backendId, details: { status, call: name } },
      );
    if (status >= 400) {
      const header = headers["retry-after"];
      const after = retryAfterMs(Array.isArray(header) ? header[0] : header, text);
      const busy = this.#options.busy?.includes(status) ? 1000 : undefined;
      const asked = status === 429 || status === 503 ? (after ?? busy) : busy;
      throw errorOfResponse({ ...callOf(call), status, body: text, retryAfterMs: asked });
    }
    return parse(call, text);
  }

  #send({ method, path, body, headers, extraMs = 0 }: ApiCall<z.ZodType>, signal: AbortSignal | undefined) {
    const { base, token, dispatchers, userAgent, timeoutMs } = this.#options;
    const url = new URL(base.pathname.replace(/\/$/, "") + path, base);
    const json = body !== undefined && !(body instanceof FormData);
    return request(url, {
      method,
      // A call that stays open must not take the place of a cancel.
      dispatcher: extraMs > 0 ? dispatchers.streams : dispatchers.calls,
      headers: {
        accept: "application/json",
        // Next.js and other caches in between must not answer a poll with an old state.
        "cache-control": "no-store",
        "user-agent": userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      body: body === undefined ? null : json ? toJson(body) : (body as FormData),
      headersTimeout: timeoutMs + extraMs,
      bodyTimeout: timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

async function readText(body: Dispatcher.ResponseData["body"], limits: ReadBodyOptions): Promise<string> {
  return (await readBody(body, limits)).toString("utf8");
}

function callOf({ method, path }: ApiCall<z.ZodType>) {
  return { method, path };
}

function parse<S extends z.ZodType>(call: ApiCall<S>, text: string): z.output<S> {
  const name = `${call.method} ${call.path}`;
  const about = { backend: backendId, details: { call: name } };
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new ConnectionError(`${name} was not answered with JSON, but with: ${redact(text.slice(0, 120))}`, {
      ...about,
      cause,
      retryable: true,
    });
  }
  const parsed = call.schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConnectionError(`${name}: the answer's ${issue?.path.join(".") || "form"} is not as expected.`, {
    ...about,
    cause: parsed.error,
  });
}

/** A create that may have arrived must not be made again, and its caller must know. */
function outcomeOf(error: unknown, call: ApiCall<z.ZodType>): unknown {
  if (!LatentKitError.isInstance(error) || error.code !== "connection") return error;
  const { status, retryAfterMs } = error.details;
  // A 503 that names no time to come back may be a gateway's, behind which the create arrived.
  const refused = typeof status === "number" && (status < 500 || (status === 503 && retryAfterMs !== undefined));
  if (refused || neverArrived(error.cause)) return error;
  return new ConnectionError(
    `${error.message} Whether ${call.path} was done is unknown: it is not made again, so that nothing is billed twice. Look at replicate.com/predictions before trying anew.`,
    { cause: error, backend: backendId, retryable: false, details: { ...error.details, outcome: "unknown" } },
  );
}
