import { validateHeaderName, validateHeaderValue } from "node:http";
import { ConfigError, describeOptions, registerSecret } from "@latentkit/core";
import type { Dispatcher } from "undici";
import { z } from "zod";

const positive = z.number().positive();

/** Fields that both backends of this package have. */
export const sharedShape = {
  url: z.string().min(1),
  model: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  timeoutMs: positive.default(60_000),
  cancelMs: positive.default(8_000),
  dispatcher: z
    .custom<Dispatcher>(
      (value) => typeof (value as Dispatcher)?.dispatch === "function",
      "must be an undici Dispatcher",
    )
    .optional(),
};

const OptionsSchema = z.strictObject({
  ...sharedShape,
  apiKey: z.string().min(1).optional(),
  stallMs: positive.default(45_000),
  reconnectMs: positive.default(60_000),
  capabilitiesMs: z.number().nonnegative().default(60_000),
});

/** Settings of a LatentKit server as a backend. */
export interface HttpOptions {
  /** Address of the server, such as `http://gpu-box:8188`, with the path below which it is mounted. */
  url: string;
  /** Key that the server asks for. It is sent to this address alone. */
  apiKey?: string | undefined;
  /** Model for requests that name none. Default: the server's. */
  model?: string | undefined;
  /** Headers for every call, for proxies. */
  headers?: Record<string, string> | undefined;
  /** Longest wait for an answer, in milliseconds. Default 60 s. */
  timeoutMs?: number | undefined;
  /** A stream of events that is silent for so long is taken up anew, in milliseconds. Default 45 s: the server says every 15 s that it is there. */
  stallMs?: number | undefined;
  /** How long a server that cannot be reached is tried again before its jobs fail, in milliseconds. Default 60 s. */
  reconnectMs?: number | undefined;
  /** How long a cancel may take, in milliseconds. Default 8 s. */
  cancelMs?: number | undefined;
  /** How long the server's capabilities are remembered, in milliseconds. Default 60 s. */
  capabilitiesMs?: number | undefined;
  /** undici dispatcher, for TLS settings or an outgoing proxy. */
  dispatcher?: Dispatcher | undefined;
}

/** Options with defaults filled in. */
export type ResolvedHttpOptions = Omit<z.output<typeof OptionsSchema>, "url"> & { url: URL };

/** @throws ConfigError naming the option. */
export function resolveOptions(input: HttpOptions | Record<string, unknown>): ResolvedHttpOptions {
  const { apiKey, ...rest } = parseOptions("http", OptionsSchema, input);
  registerSecret(apiKey);
  const url = parseUrl("http", rest.url);
  const headers = { ...rest.headers, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) };
  checkHeaders("http", headers);
  return { ...rest, ...(apiKey === undefined ? {} : { apiKey }), url, headers };
}

/** @throws ConfigError naming the option. */
export function parseOptions<S extends z.ZodObject>(who: string, schema: S, input: unknown): z.output<S> {
  const given =
    typeof input === "object" && input !== null ? Object.entries(input).filter(([, value]) => value !== undefined) : [];
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  throw new ConfigError(`${who}: ${describeOptions(parsed.error, schema, "the options")}`, {
    backend: who,
    cause: parsed.error,
  });
}

/** An address without a trailing slash; one without a scheme is http. @throws ConfigError */
export function parseUrl(who: string, text: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    throw new ConfigError(
      `${who}: url: must be an http or https address without a query or a password, such as http://gpu-box:8188`,
      { backend: who },
    );
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/** What no HTTP request can carry is refused here; the value is not shown. @throws ConfigError */
export function checkHeaders(who: string, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw new ConfigError(
        `${who}: ${name === "authorization" ? "apiKey" : `headers.${name}`}: cannot be sent as a header`,
        { backend: who },
      );
    }
  }
}
