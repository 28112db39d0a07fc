import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { ImageError } from "../errors/image-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { TimeoutError } from "../errors/timeout-error.ts";
import type { InputRules } from "../image/input-rules.ts";
import { version } from "../version.ts";
import { checkUrl, hostOf, notPublic } from "./check-url.ts";
import { lookupPublic, NotPublic } from "./lookup-public.ts";
import { tooLarge } from "./too-large.ts";

const maxRedirects = 5;
const defaultMaxBytes = 64 * 2 ** 20;
const defaultTimeoutMs = 30_000;

/** One input to be fetched. */
export interface FetchOptions extends InputRules {
  field: string;
  signal?: AbortSignal | undefined;
}

/**
 * Fetches an input file. Every hop is held against the rules: its scheme, its host, and the very address that is connected to, so that a
 * name which leads elsewhere a moment later gains nothing. No cookies, no credentials of ours; nothing is inflated.
 *
 * @throws InvalidRequestError for what the rules forbid, ImageError when it does not answer, TimeoutError, the signal's reason.
 */
export async function fetchInput(start: string, options: FetchOptions): Promise<Uint8Array> {
  const { field, signal, timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const ending = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let url = new URL(start);
  try {
    for (let hop = 0; hop <= maxRedirects; hop++) {
      checkUrl(url, field, options);
      const reply = await get(url, options, ending);
      const { statusCode: status = 0, headers } = reply;
      if (status >= 300 && status < 400 && headers.location !== undefined) {
        reply.destroy();
        url = nextUrl(headers.location, url, field);
        continue;
      }
      if (status !== 200) {
        reply.destroy();
        throw new ImageError(`${field}: ${shown(url)} answered HTTP ${status}.`, { details: { field, status } });
      }
      return await readBody(reply, field, maxBytes);
    }
    throw new ImageError(`${field}: ${shown(new URL(start))} redirects more than ${maxRedirects} times.`, {
      details: { field },
    });
  } catch (cause) {
    signal?.throwIfAborted();
    if (deadline.aborted)
      throw new TimeoutError(`${field}: ${shown(url)} did not arrive within ${timeoutMs} ms (inputs.timeoutMs).`, {
        cause,
        details: { field },
      });
    if (ImageError.isInstance(cause) || InvalidRequestError.isInstance(cause)) throw cause;
    if (cause instanceof NotPublic) throw new InvalidRequestError([{ field, message: notPublic(hostOf(url)) }]);
    const { code = "no answer" } = cause as NodeJS.ErrnoException;
    const why = Object.hasOwn(reasons, code) ? `${reasons[code]}: ${code}` : code;
    throw new ImageError(`${field}: ${shown(url)} cannot be fetched (${why}).`, {
      cause,
      retryable: true,
      details: { field },
    });
  }
}

/** What the system's codes mean to whoever gave the address. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host, by DNS",
  EAI_AGAIN: "DNS does not answer",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was broken off",
  EHOSTUNREACH: "no way leads to the host",
  ENETUNREACH: "no way leads to the network",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
};

function get(url: URL, { allowPrivate = false }: InputRules, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request, Agent } = url.protocol === "https:" ? https : http;
    request(url, {
      headers: { accept: "image/*,*/*;q=0.5", "accept-encoding": "identity", "user-agent": `LatentKit/${version}` },
      signal,
      // Connections of its own: one that others left open was not held against the rules, nor is a proxy's.
      ...(allowPrivate ? {} : { agent: new Agent({ keepAlive: false }), lookup: lookupPublic }),
    })
      .once("response", resolve)
      .on("error", reject)
      .end();
  });
}

async function readBody(reply: IncomingMessage, field: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = Number(reply.headers["content-length"] ?? 0);
  try {
    if (length > maxBytes) throw tooLarge(field, length, maxBytes);
    length = 0;
    for await (const part of reply as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) throw tooLarge(field, length, maxBytes);
      parts.push(part);
    }
  } finally {
    reply.destroy();
  }
  return Buffer.concat(parts);
}

function nextUrl(location: string, base: URL, field: string): URL {
  const next = URL.parse(location, base.href);
  if (next === null)
    throw new ImageError(`${field}: ${shown(base)} redirects to what is no URL.`, { details: { field } });
  return next;
}

/** A query may hold a signature, and a user name a password: they are no part of a message. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`.slice(0, 200);
}
