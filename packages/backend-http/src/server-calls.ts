import {
  ConnectionError,
  headDeadline,
  LatentKitError,
  neverArrived,
  readBody,
  redact,
  version,
} from "@latentkit/core";
import pRetry from "p-retry";
import { Agent, type Dispatcher, request } from "undici";
import type * as z from "zod";
import { connectionError, errorOfAnswer } from "./http-error.ts";

/** One call. */
export interface ServerCall {
  method: "GET" | "POST" | "DELETE";
  /** Below the server's address, such as `/v1/jobs`. */
  path: string;
  /** Sent as JSON; bytes as they are. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Whether it may be made again: a POST with an idempotency key may. Default: all but POST. */
  isSafe?: boolean;
  /** Longest answer, in bytes. Default 16 MiB. */
  maxBytes?: number;
  /** Longest wait for the head of the answer; 0 is as long as it takes. Default `timeoutMs`. */
  headMs?: number;
}

/** What calls need to know. */
export interface CallsOptions {
  backend: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  timeoutMs: number;
  dispatcher?: Dispatcher | undefined;
}

const retries = { retries: 3, minTimeout: 250, maxTimeout: 4000, randomize: true };

/** Calls to one address: its keys go nowhere else, redirects are not followed, what may be repeated is. */
export class ServerCalls {
  readonly #options: CallsOptions;
  readonly #own: Agent | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#own = options.dispatcher === undefined ? new Agent({ connections: 64, keepAliveTimeout: 5000 }) : undefined;
  }

  /** An answer in JSON. @throws ConnectionError for one that is none, or not of the schema. */
  async json<T>({ schema, ...call }: ServerCall & { schema: z.ZodType<T> }): Promise<T> {
    const bytes = await this.bytes(call);
    const { backend } = this.#options;
    const text = () => bytes.toString("utf8", 0, 100);
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString("utf8"));
    } catch {
      throw errorOfAnswer(nameOf(call), 502, `no JSON, but ${text()}`, backend);
    }
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const about = { backend, cause: parsed.error, retryable: false, details: { call: nameOf(call) } };
    const where = issue?.path.join(".") || "the answer";
    throw new ConnectionError(
      `${nameOf(call)} was answered with what such a server does not say: ${where}: ${issue?.message} (${redact(text())}).`,
      about,
    );
  }

  /** @throws the error that the server told of, or a ConnectionError. */
  async bytes(call: ServerCall): Promise<Buffer> {
    const { isSafe = call.method !== "POST", signal } = call;
    return pRetry(() => this.#once(call), {
      ...retries,
      ...(signal === undefined ? {} : { signal }),
      shouldRetry: ({ error }) => {
        if (signal?.aborted || !LatentKitError.isInstance(error)) return false;
        // A server that says that it is full has taken nothing.
        const isFull = error.code === "busy" || error.code === "rate_limit";
        return (error.retryable && error.code === "connection" && (isSafe || neverArrived(error.cause))) || isFull;
      },
    });
  }

  /** The answer as it comes, for streams. */
  async open(call: ServerCall, stallMs: number): Promise<Dispatcher.ResponseData> {
    const reply = await this.#send(call, call.signal, stallMs);
    if (reply.statusCode === 200) return reply;
    throw errorOfAnswer(
      nameOf(call),
      reply.statusCode,
      await this.#text(call, reply, 2 ** 20).then(String),
      this.#options.backend,
    );
  }

  async dispose(): Promise<void> {
    await this.#own?.destroy();
  }

  async #once(call: ServerCall): Promise<Buffer> {
    const { backend, timeoutMs } = this.#options;
    const { headMs = timeoutMs } = call;
    using deadline = headMs === 0 ? undefined : headDeadline(headMs, nameOf(call), call.signal);
    const reply = await this.#send(call, deadline?.signal ?? call.signal, timeoutMs).catch((cause: unknown) => {
      call.signal?.throwIfAborted();
      throw connectionError(nameOf(call), cause, backend);
    });
    deadline?.met();
    const isOk = reply.statusCode >= 200 && reply.statusCode < 300;
    const body = await this.#text(call, reply, isOk ? (call.maxBytes ?? 16 * 2 ** 20) : 2 ** 20);
    if (isOk) return body;
    throw errorOfAnswer(nameOf(call), reply.statusCode, body.toString("utf8"), backend);
  }

  async #text(call: ServerCall, reply: Dispatcher.ResponseData, maxBytes: number): Promise<Buffer> {
    const { timeoutMs, backend } = this.#options;
    const limits = { maxBytes, timeoutMs, wholeMs: 20 * timeoutMs, what: nameOf(call) };
    const length = Number(reply.headers["content-length"] ?? 0);
    return readBody(reply.body, { ...limits, length }).catch((cause: unknown) => {
      call.signal?.throwIfAborted();
      throw connectionError(nameOf(call), cause, backend);
    });
  }

  #send({ method, path, body, headers, headMs }: ServerCall, signal: AbortSignal | undefined, bodyTimeout: number) {
    const { url, timeoutMs, dispatcher = this.#own! } = this.#options;
    const isBytes = body instanceof Uint8Array;
    return request(`${url.href.replace(/\/$/, "")}${path}`, {
      method,
      dispatcher,
      headers: {
        accept: "application/json",
        "user-agent": `LatentKit/${version}`,
        ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
        ...this.#options.headers,
        ...headers,
      },
      body: body === undefined ? null : isBytes ? body : JSON.stringify(body),
      headersTimeout: headMs ?? timeoutMs,
      bodyTimeout,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function nameOf({ method, path }: ServerCall): string {
  return `${method} ${path.replace(/\?.*$/, "")}`;
}
