import { setTimeout as sleep } from "node:timers/promises";
import {
  BodyTooLarge,
  boundedBody,
  ConnectionError,
  ImageError,
  LatentKitError,
  NotFoundError,
  probeImage,
  readBody,
  type UrlPayload,
  wayTo,
} from "@latentkit/core";
import { type Dispatcher, request } from "undici";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { type RetryOptions, withRetries } from "../http/retry.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { backendId, connectionError, errorOfResponse } from "../replicate-error.ts";
import { sniffImage } from "./image-file.ts";

/**
 * When outputs are downloaded: `"when-asked"` waits for `bytes()` or `save()` however long; `"before-expiry"` also fetches,
 * shortly before Replicate removes it, what is still held by the program and was not read; `"at-once"` fetches each
 * picture as it comes.
 */
export type DownloadPolicy = "when-asked" | "before-expiry" | "at-once";

/** How outputs are downloaded. */
export interface DownloadOptions {
  policy: DownloadPolicy;
  /** Larger outputs are refused. */
  maxBytes: number;
  retry: RetryOptions;
  /** How long before the expiry a picture is fetched, in milliseconds. */
  marginMs?: number;
  token: string | undefined;
  /** Longest silence of the server, in milliseconds. */
  timeoutMs: number;
}

const maxRedirects = 5;
/** A JPEG's size may stand behind a thumbnail. */
const mostHeadBytes = 256 * 1024;
/** As many as the signatures of images are looked for in. */
const headBytes = 256;
const longestTimer = 2 ** 31 - 1;

/** Brings outputs, once each; holds them only as long as the program holds their payload. */
export class Downloads {
  readonly #http: ReplicateHttp;
  readonly #options: DownloadOptions;
  readonly #files = new WeakMap<UrlPayload, Promise<Uint8Array>>();
  /** Payloads whose bytes the program has had. */
  readonly #read = new WeakSet<UrlPayload>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(http: ReplicateHttp, options: DownloadOptions) {
    this.#http = http;
    this.#options = options;
  }

  /** Notes a picture that a job has told, and fetches it when the policy says. */
  watch(payload: UrlPayload): void {
    const { policy, marginMs = 5 * 60_000 } = this.#options;
    if (policy === "when-asked") return;
    if (policy === "at-once") {
      this.#keep(payload);
      return;
    }
    const left = payload.expiresAt === undefined ? Number.NaN : Date.parse(payload.expiresAt) - Date.now() - marginMs;
    if (Number.isNaN(left)) return;
    // A picture that nobody holds any more is not fetched, and the timer keeps no process alive.
    const held = new WeakRef(payload);
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        const still = held.deref();
        if (still !== undefined && !this.#files.has(still) && !this.#read.has(still)) this.#keep(still);
      },
      Math.min(Math.max(left, 0), longestTimer),
    );
    timer.unref();
    this.#timers.add(timer);
  }

  /** The bytes of an output: the ones already fetched, or fetched now. */
  async fetch(payload: UrlPayload, signal: AbortSignal): Promise<Uint8Array> {
    const kept = this.#files.get(payload);
    const bytes = await (kept ?? this.#download(payload, signal));
    this.#read.add(payload);
    return bytes;
  }

  /** The bytes as they come, for piping to a file or a response; checked for size and type as they pass. */
  async *stream(payload: UrlPayload, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* this.#pass(payload, await this.#retried(() => this.#open(payload, signal), signal), signal);
  }

  async *#pass(payload: UrlPayload, reply: Dispatcher.ResponseData, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#checked(payload, reply);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BodyTooLarge)
        throw new ImageError(
          `The output is larger than ${this.#options.maxBytes} bytes (maxOutputBytes).`,
          about(payload.url),
        );
      throw LatentKitError.isInstance(error) ? error : connectionError(`GET ${hostOf(payload.url)}`, error);
    }
  }

  async *#checked(payload: UrlPayload, { headers, body }: Dispatcher.ResponseData): AsyncGenerator<Uint8Array> {
    const { maxBytes, timeoutMs } = this.#options;
    checkType(headers["content-type"], payload.url);
    let bytes = 0;
    const limits = {
      maxBytes,
      timeoutMs,
      wholeMs: 60 * timeoutMs,
      what: `GET ${hostOf(payload.url)}`,
      length: Number(headers["content-length"] ?? 0),
    };
    for await (const chunk of withHead(boundedBody(body, limits) as AsyncIterable<Buffer>)) {
      if (bytes === 0 && sniffImage(chunk) === undefined) {
        throw notAnImage(headers["content-type"], payload.url);
      }
      bytes += chunk.length;
      yield chunk;
    }
    if (bytes === 0) throw new ImageError("The output is empty.", about(payload.url));
  }

  /** An output's size, from the head of its file: the rest is not waited for. Undefined where that cannot be had. */
  async sizeOf(payload: UrlPayload, signal: AbortSignal): Promise<{ width: number; height: number } | undefined> {
    const kept = this.#files.get(payload);
    let head = Buffer.alloc(0);
    try {
      for await (const chunk of kept === undefined ? this.stream(payload, signal) : [await kept]) {
        head = Buffer.concat([head, chunk]);
        const size = await probeImage(head, "output", Number.POSITIVE_INFINITY).catch(() => undefined);
        if (size !== undefined) return { width: size.width, height: size.height };
        if (head.length > mostHeadBytes) return undefined;
      }
    } catch {
      signal.throwIfAborted();
    }
    return undefined;
  }

  /** Forgets the timers. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #keep(payload: UrlPayload): void {
    const file = this.#download(payload, new AbortController().signal);
    this.#files.set(payload, file);
    // A failed prefetch is no failure: the next one to ask tries anew and hears why.
    file.catch(() => this.#files.delete(payload));
  }

  #download(payload: UrlPayload, signal: AbortSignal): Promise<Uint8Array> {
    const attempt = async () => {
      const chunks: Uint8Array[] = [];
      const reply = await this.#open(payload, signal);
      for await (const chunk of this.#pass(payload, reply, signal)) chunks.push(chunk);
      return new Uint8Array(Buffer.concat(chunks));
    };
    return this.#retried(attempt, signal);
  }

  #retried<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return withRetries(attempt, {
      ...this.#options.retry,
      idempotent: true,
      signal,
      wait: (ms) => sleep(ms, undefined, { signal }).catch(() => {}),
    });
  }

  async #open(payload: UrlPayload, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let url = new URL(payload.url);
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const reply = await this.#get(url, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        throw LatentKitError.isInstance(error) ? error : connectionError(`GET ${hostOf(payload.url)}`, error);
      });
      const { statusCode: status, headers } = reply;
      if (status < 300) return reply;
      if (status >= 400) throw await failure(payload, reply);
      await reply.body.dump().catch(() => {});
      const location = headers.location;
      if (location === undefined) break;
      url = new URL(String(location), url);
    }
    throw new ConnectionError(`The output at ${hostOf(payload.url)} is redirected without end.`, about(payload.url));
  }

  async #get(url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { base, dispatchers } = this.#http;
    const { token, timeoutMs } = this.#options;
    // An output is what a model says: a private address is no place of the service's.
    const way = await wayTo(url, base);
    if (way === "none")
      throw new ConnectionError(`The output lies at ${hostOf(url.href)}, which is not at a public address.`, {
        ...about(url.href),
        retryable: false,
      });
    // Outputs lie on other hosts: only what the API's own origin serves is asked for with the token.
    const own = url.origin === base.origin && token !== undefined;
    return request(url, {
      dispatcher: way === "public" ? dispatchers.outputs : dispatchers.calls,
      headers: { accept: "image/*,*/*;q=0.5", ...(own ? { authorization: `Bearer ${token}` } : {}) },
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }
}

/** The body's chunks, the first with what it takes to tell an image: a slow body's may be a few bytes. */
async function* withHead(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of body) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < headBytes) continue;
    yield head;
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield head;
}

async function failure({ url, expiresAt }: UrlPayload, reply: Dispatcher.ResponseData): Promise<Error> {
  const { statusCode: status, headers } = reply;
  const limits = { maxBytes: 2 ** 20, timeoutMs: 10_000, wholeMs: 20_000, what: hostOf(url) };
  const body = await readBody(reply.body, limits).then(
    (bytes) => bytes.toString("utf8"),
    () => "",
  );
  const gone = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
  if (status === 404 || status === 410 || status === 403)
    return new NotFoundError(
      `The output is no longer there (HTTP ${status})${gone ? `: it expired at ${expiresAt}` : ""}. Replicate removes outputs an hour after the prediction; read or save them before.`,
      { backend: backendId, details: { status, url: hostOf(url), ...(expiresAt === undefined ? {} : { expiresAt }) } },
    );
  const header = headers["retry-after"];
  const after =
    status === 429 || status === 503 ? retryAfterMs(header === undefined ? undefined : `${header}`, body) : undefined;
  return errorOfResponse({ method: "GET", path: hostOf(url), status, body, retryAfterMs: after });
}

function checkType(type: unknown, url: string): void {
  const named = String(type ?? "");
  if (/^(text|video|audio)\/|^application\/(json|zip|x-tar)/.test(named)) throw notAnImage(named, url);
}

function notAnImage(type: unknown, url: string): ImageError {
  return new ImageError(`The output is no image${type === undefined ? "" : ` (${String(type)})`}.`, about(url));
}

function about(url: string) {
  return { backend: backendId, details: { url: hostOf(url) } };
}

/** Origin and path: a signed URL's query is a credential. */
function hostOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
