import { ConnectionError, headDeadline, LatentKitError, RateLimitError, readBody, wayTo } from "@latentkit/core";
import { type Dispatcher, type FormData, request } from "undici";
import { networkError, notComfyError, statusError } from "../comfy-error.ts";
import type { ResolvedOptions } from "../comfy-options.ts";
import { sleep } from "../run/abortable.ts";
import { parseExact, stringifyExact } from "./exact-json.ts";
import { makeAgent } from "./trust.ts";

/** One HTTP call. */
export interface Call {
  query?: Record<string, string>;
  json?: unknown;
  form?: FormData;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** Larger answers are refused. Default: 64 MiB, for lists of nodes and of files. */
  maxBytes?: number;
  /** Whether a POST may be made again whose connection broke: making it twice is making it once. */
  isSafe?: boolean;
  /** What the call is about, for errors: a request's field or a short phrase. */
  what?: string;
}

/** An answer, whatever its status. */
export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

type HttpMethod = "GET" | "HEAD" | "POST";

const maxRedirects = 5;
/** How often a server that is busy is asked. */
const busyAttempts = 3;
/** How often a question is asked whose connection broke: asking twice is asking once. */
const brokenAttempts = 3;
/** Wait before the second attempt, in milliseconds; it doubles each time. */
const backoffMs = 500;
const maxAnswerBytes = 64 * 2 ** 20;
/** Of an answer that says no. */
const maxErrorBytes = 2 ** 20;

/** HTTP to one ComfyUI server: base path, headers, key, exact JSON, and redirects that never carry the key elsewhere. */
export class ComfyHttp {
  readonly url: string;
  readonly #dispatcher: Dispatcher;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #ownsDispatcher: boolean;
  readonly #longestWaitMs: number;
  readonly #closing = new AbortController();

  constructor(options: ResolvedOptions) {
    this.url = options.url;
    this.#timeoutMs = options.timeoutMs;
    this.#longestWaitMs = options.reconnectMs;
    this.#headers = { ...options.headers, ...(options.apiKey === undefined ? {} : { "x-api-key": options.apiKey }) };
    this.#ownsDispatcher = options.dispatcher === undefined;
    this.#dispatcher = options.dispatcher ?? makeAgent(options, { connections: 8 });
  }

  /** Not a property of its own: a proxy's may hold its password. */
  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  /** Headers that go to the server itself, and nowhere else. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  /** A call that must succeed with JSON. */
  async json<T>(method: HttpMethod, path: string, call: Call = {}): Promise<T> {
    const reply = await this.patiently(() => this.send(method, path, call), call.signal);
    if (reply.status !== 200) throw replyError(reply, call.what ?? `${method} ${path}`);
    try {
      return parseExact(reply.body.toString("utf8")) as T;
    } catch (cause) {
      throw notComfyError(this.url, `${path} did not answer with JSON`, cause);
    }
  }

  /** A call that must succeed; its answer is not read. */
  async post(path: string, json: unknown, call: Call = {}): Promise<void> {
    const reply = await this.patiently(() => this.send("POST", path, { ...call, json }), call.signal);
    if (reply.status >= 300) throw replyError(reply, call.what ?? `POST ${path}`);
  }

  /**
   * @returns the answer with any status but a redirect.
   * @throws ConnectionError or TimeoutError when there is none, AbortedError when aborted.
   */
  async send(method: HttpMethod, path: string, call: Call = {}): Promise<Reply> {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    return this.fetch(url, method, call);
  }

  /** Like `send`, for a whole address; the key goes along only to the server itself. */
  async fetch(start: URL, method: HttpMethod = "GET", call: Call = {}): Promise<Reply> {
    let url = start;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const reply = await this.#steadily(url, method, call);
      const { location } = reply.headers;
      if (reply.status < 300 || reply.status >= 400 || typeof location !== "string") return reply;
      const next = new URL(location, url);
      if (method === "POST" && next.origin !== url.origin) {
        throw notComfyError(this.url, `it redirects to ${next.origin}; give that address as url`);
      }
      if ((await wayTo(next, new URL(this.url))) === "none")
        throw notComfyError(this.url, `it redirects to ${next.origin}, which is not at a public address`);
      url = next;
    }
    throw notComfyError(this.url, `it redirects more than ${maxRedirects} times`);
  }

  /**
   * Asks again where the server is busy (429), after the time that its `Retry-After` asks for, as far as an unreachable
   * server would be waited for.
   *
   * @returns the answer, which is that one still where the server stays busy.
   */
  async patiently(ask: () => Promise<Reply>, signal?: AbortSignal): Promise<Reply> {
    const closing = this.#closing.signal;
    const ending = signal === undefined ? closing : AbortSignal.any([signal, closing]);
    for (let attempt = 1; ; attempt++) {
      const reply = await ask();
      if (reply.status !== 429 || attempt === busyAttempts) return reply;
      // Never less than a wait of our own, whatever the server says; with jitter, as many are told the same moment.
      const asked = Math.min(
        Math.max(askedWaitMs(replyError(reply, "")), backoffMs * 2 ** (attempt - 1)),
        this.#longestWaitMs,
      );
      await sleep(asked * (1 + Math.random() / 5), ending);
      if (ending.aborted) return reply;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#ownsDispatcher) await this.dispatcher.destroy().catch(() => {});
  }

  /** A question whose connection broke is asked again, soon and with jitter. */
  async #steadily(url: URL, method: HttpMethod, call: Call): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(url, method, call);
      } catch (error) {
        const { signal, isSafe = method !== "POST" } = call;
        if (!isSafe || attempt === brokenAttempts || !isBroken(error) || signal?.aborted) throw error;
        await sleep((backoffMs / 4) * 2 ** (attempt - 1) * (0.5 + Math.random()), signal);
        if (this.#closing.signal.aborted) throw error;
      }
    }
  }

  async #once(
    url: URL,
    method: HttpMethod,
    { json, form, signal, timeoutMs = this.#timeoutMs, maxBytes = maxAnswerBytes }: Call,
  ): Promise<Reply> {
    const own = url.origin === new URL(this.url).origin ? this.#headers : {};
    const body = json === undefined ? form : stringifyExact(json);
    const shown = url.origin + url.pathname;
    using deadline = headDeadline(timeoutMs, shown, signal);
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await request(url, {
        method,
        dispatcher: this.dispatcher,
        headers: { ...own, accept: "*/*", ...(json === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body }),
        signal: deadline.signal,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      deadline.met();
      const limits = {
        maxBytes: statusCode >= 400 ? Math.min(maxBytes, maxErrorBytes) : maxBytes,
        timeoutMs,
        wholeMs: 20 * timeoutMs,
        what: shown,
        length: Number(headers["content-length"] ?? 0),
      };
      return { status: statusCode, headers, body: await readBody(answer, limits) };
    } catch (cause) {
      throw networkError(cause, shown, signal);
    }
  }
}

/** A connection that was there and broke: it was reset, or closed in the middle of an answer. */
function isBroken(error: unknown): boolean {
  if (!ConnectionError.isInstance(error)) return false;
  const { code, sent } = error.details;
  return (
    sent === true && /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_)/.test(String(code))
  );
}

/** How long a busy server asks to be left alone, in milliseconds; 0 where an error is of another kind. */
export function askedWaitMs(error: unknown): number {
  const asked = RateLimitError.isInstance(error) ? error.details["retryAfterMs"] : undefined;
  return typeof asked === "number" ? asked : 0;
}

/** Makes sure that what answers is ComfyUI, and tells its version. @throws ConnectionError when it is not. */
export async function readServerVersions(http: ComfyHttp, signal?: AbortSignal): Promise<Record<string, string>> {
  type Stats = { system?: { comfyui_version?: string; pytorch_version?: string } };
  const call = signal === undefined ? {} : { signal };
  const stats = await http.json<Stats>("GET", "/system_stats", call).catch((error: unknown) => {
    throw LatentKitError.isInstance(error) && error.code === "not_found"
      ? notComfyError(http.url, "/system_stats answers HTTP 404", error)
      : error;
  });
  if (typeof stats !== "object" || stats === null || typeof stats.system !== "object") {
    throw notComfyError(http.url, "/system_stats has no system");
  }
  const { comfyui_version: comfyui, pytorch_version: torch } = stats.system;
  return { ...(comfyui === undefined ? {} : { comfyui }), ...(torch === undefined ? {} : { torch }) };
}

/** An answer with a status that was not wanted, as a typed error. */
export function replyError({ status, headers, body }: Reply, what: string): LatentKitError {
  const retryAfter = headers["retry-after"];
  return statusError(status, body.toString("utf8"), what, typeof retryAfter === "string" ? retryAfter : undefined);
}
