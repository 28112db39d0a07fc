import { validateHeaderName, validateHeaderValue } from "node:http";
import { ConfigError, optionIssues, redact, registerSecret } from "@latentkit/core";
import type { Dispatcher } from "undici";
import { z } from "zod";
import { FilenamePrefixSchema } from "./filename-prefix.ts";

/** Model families whose graphs differ. `"sd"` is Stable Diffusion 1.x and 2.x. */
export const families = [
  "sd",
  "sdxl",
  "sd3",
  "flux",
  "flux2",
  "flux3",
  "qwen-image",
  "qwen-image-2.1",
  "krea2",
  "z-image",
] as const;
/** One of {@link families}. */
export type Family = (typeof families)[number];

/**
 * How many steps a strength leaves: `"comfyui"` takes as many as were asked for, from a longer schedule; `"diffusers"`
 * the last `floor(steps · strength)` of those that were asked for.
 */
export const strengthConventions = ["comfyui", "diffusers"] as const;
/** One of {@link strengthConventions}. */
export type StrengthConvention = (typeof strengthConventions)[number];

const notEmpty = "must not be empty";
const positive = z.number().positive();

const OptionsSchema = z.strictObject({
  url: z.string().min(1).default("http://127.0.0.1:8188"),
  webSocketUrl: z.string().min(1).optional(),
  checkpoint: z.string().min(1).optional(),
  model: z.string().min(1).optional(),
  family: z.enum(families).optional(),
  textEncoders: z.array(z.string().min(1)).min(1).max(3).optional(),
  vae: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  apiKey: z.string().min(1, notEmpty).optional(),
  comfyOrgApiKey: z.string().min(1, notEmpty).optional(),
  clientId: z.string().min(1).optional(),
  delivery: z.enum(["view", "temp", "socket"]).default("view"),
  previewMethod: z.enum(["auto", "latent2rgb", "taesd"]).default("auto"),
  strengthConvention: z.enum(strengthConventions).default("comfyui"),
  filenamePrefix: FilenamePrefixSchema.default("latentkit/image"),
  maxUploadBytes: positive.default(100 * 2 ** 20),
  timeoutMs: positive.default(60_000),
  pollMs: positive.default(5_000),
  pingMs: positive.default(15_000),
  reconnectMs: positive.default(60_000),
  stallMs: positive.default(600_000),
  queueStallMs: positive.default(3_600_000),
  cancelMs: positive.default(8_000),
  objectInfoTtlMs: z.number().nonnegative().default(300_000),
  ca: z
    .custom<string | Uint8Array | (string | Uint8Array)[]>(
      (value) => [value].flat().every((pem) => typeof pem === "string" || pem instanceof Uint8Array),
      "must be certificates as PEM text or bytes",
    )
    .optional(),
  dispatcher: z
    .custom<Dispatcher>(
      (value) => typeof (value as Dispatcher)?.dispatch === "function",
      "must be an undici Dispatcher",
    )
    .optional(),
});

/** Settings of a ComfyUI backend. All are optional. */
export interface ComfyOptions {
  /** Address, with a base path where a proxy adds one. Default `http://127.0.0.1:8188`. */
  url?: string;
  /** Address of the WebSocket where it is not `url` + `/ws`. */
  webSocketUrl?: string;
  /** Checkpoint or diffusion model for requests that name none, as the server lists it; the extension may be left out. */
  checkpoint?: string;
  /** The same as `checkpoint`, under the name that every backend has. */
  model?: string;
  /** Family of the model, where its name and metadata do not tell. */
  family?: Family;
  /** Text encoder files, for diffusion models that come without. Default: the server's, by their usual names. */
  textEncoders?: string[];
  /** VAE file. Default: the checkpoint's own, or the server's by its usual name. */
  vae?: string;
  /**
   * How many steps image-to-image takes: ComfyUI's own way, the default, takes `steps` at any strength; `"diffusers"`
   * takes `floor(steps · strength)`, as the local backend and diffusers do.
   */
  strengthConvention?: StrengthConvention;
  /** Headers for every request and the WebSocket, for proxies. */
  headers?: Record<string, string>;
  /** Comfy Cloud's key: sent as `X-API-Key` and as the WebSocket's `token`, never to another host. */
  apiKey?: string;
  /** Key that nodes calling paid services need on the server's side (`api_key_comfy_org`). */
  comfyOrgApiKey?: string;
  /** The id this client goes by on the server. Default: a fresh one. Two processes must not share one. */
  clientId?: string;
  /** How pictures come back: from the output folder, the temp folder, or over the socket without a file. Default `"view"`. */
  delivery?: "view" | "temp" | "socket";
  /** How the server makes previews, where it takes this per prompt. Default `"auto"`. */
  previewMethod?: "auto" | "latent2rgb" | "taesd";
  /** Folder and name of saved files below the server's output folder. Default `"latentkit/image"`. */
  filenamePrefix?: string;
  /** Larger uploads are refused before they are sent. Default 100 MiB, ComfyUI's own default limit. */
  maxUploadBytes?: number;
  /** Longest wait for an HTTP answer. Default 60 s. */
  timeoutMs?: number;
  /** How often queue and history are asked about jobs that no event came for. Default 5 s. */
  pollMs?: number;
  /** How often the socket is pinged. Default 15 s. */
  pingMs?: number;
  /** How long an unreachable server is tried again before its jobs fail. Default 60 s. */
  reconnectMs?: number;
  /** A running job without any sign of life for this long fails. Default 10 min. */
  stallMs?: number;
  /** A job that waits in a queue in which nothing moves for this long fails. Default 1 h. */
  queueStallMs?: number;
  /** How long a cancel may take to be confirmed. Default 8 s. */
  cancelMs?: number;
  /** How long the server's node definitions are kept. Default 5 min. */
  objectInfoTtlMs?: number;
  /** Certificates (PEM) to trust beside the usual ones, such as a server's own. */
  ca?: string | Uint8Array | (string | Uint8Array)[];
  /** undici dispatcher for other TLS settings or an outgoing proxy. */
  dispatcher?: Dispatcher;
}

/** Options with defaults filled in. */
export type ResolvedOptions = Omit<z.output<typeof OptionsSchema>, "url" | "webSocketUrl" | "clientId"> & {
  /** Base address without a trailing slash. */
  url: string;
  webSocketUrl: string;
  clientId: string;
};

/**
 * Checks options and fills in defaults.
 *
 * @throws ConfigError naming the option.
 */
export function resolveOptions(input: ComfyOptions | Record<string, unknown> = {}): ResolvedOptions {
  const defined = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const parsed = OptionsSchema.safeParse(defined);
  if (!parsed.success) {
    const problems = optionIssues(parsed.error, OptionsSchema).map(({ field, message }) =>
      about(field || "options", message),
    );
    throw new ConfigError(`comfy: ${problems.join("; ")}`, { backend: "comfy", cause: parsed.error });
  }
  const options = parsed.data;
  if (options.ca !== undefined && options.dispatcher !== undefined) {
    throw new ConfigError("comfy: ca: has no effect on a dispatcher of your own: give it the certificates", {
      backend: "comfy",
    });
  }
  const secrets = [options.apiKey, options.comfyOrgApiKey, ...secretHeaders(options.headers)];
  for (const secret of [...secrets, ...secretsOf(options.webSocketUrl)]) registerSecret(secret);
  checkHeaders(options);
  const base = parseUrl("url", options.url, ["http:", "https:"]);
  const headers = { ...options.headers, ...basicAuth(base) };
  const isCloud = base.hostname === "cloud.comfy.org" && base.pathname === "/";
  const url = trim(base) + (isCloud ? "/api" : "");
  const socket = new URL(options.webSocketUrl ?? `${trim(base)}/ws`);
  if (options.webSocketUrl !== undefined)
    parseUrl("webSocketUrl", options.webSocketUrl, ["ws:", "wss:", "http:", "https:"]);
  socket.protocol = socket.protocol === "https:" || socket.protocol === "wss:" ? "wss:" : "ws:";
  return { ...options, headers, url, webSocketUrl: socket.href, clientId: options.clientId ?? crypto.randomUUID() };
}

function secretHeaders(headers: Record<string, string>): string[] {
  return Object.entries(headers)
    .filter(([name]) => /auth|key|token|secret|cookie/i.test(name))
    .flatMap(([, value]) => [value, ...value.split(/\s+/).slice(1)]);
}

/** The password of the socket's address, and what its query has as a token. */
function secretsOf(webSocketUrl = ""): string[] {
  const url = URL.parse(webSocketUrl);
  return url === null ? [] : [decoded(url.password), ...secretHeaders(Object.fromEntries(url.searchParams.entries()))];
}

/** What no HTTP request can carry is refused here, not taken for an unreachable server later. The value is not shown. */
function checkHeaders({ headers, apiKey }: Pick<ResolvedOptions, "headers" | "apiKey">): void {
  const named = Object.entries(headers).map(([name, value]) => [`headers.${name}`, name, value] as const);
  const all = apiKey === undefined ? named : [...named, ["apiKey", "x-api-key", apiKey] as const];
  for (const [field, name, value] of all) {
    const problem =
      reasonOf(() => validateHeaderName(name), "its name is none that a header can have") ??
      reasonOf(
        () => validateHeaderValue(name, value),
        "has a line break or another character that no header can carry",
      );
    if (problem !== undefined) throw new ConfigError(`comfy: ${about(field, problem)}`, { backend: "comfy" });
  }
}

/** After a key's name and a colon, the next word would be taken for the key and removed. */
function about(field: string, problem: string): string {
  return redact(`${field}: x`) === `${field}: x` ? `${field}: ${problem}` : `${field} ${problem}`;
}

function reasonOf(check: () => void, problem: string): string | undefined {
  try {
    check();
    return undefined;
  } catch {
    return problem;
  }
}

function parseUrl(field: string, text: string, protocols: readonly string[]): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !protocols.includes(url.protocol)) {
    throw new ConfigError(`comfy: ${field}: must be an address such as ${protocols[0]}//127.0.0.1:8188`, {
      backend: "comfy",
    });
  }
  return url;
}

/** A user name and password in the address become a header, so that the address can be shown and kept in handles. */
function basicAuth({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  registerSecret(decoded(password));
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** A part of an address as it was meant: a `%` that begins no code stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Without credentials, query, fragment or trailing slash. */
function trim(url: URL): string {
  const clean = new URL(url);
  clean.username = "";
  clean.password = "";
  clean.search = "";
  clean.hash = "";
  return clean.href.replace(/\/+$/, "");
}
