import { validateHeaderName, validateHeaderValue } from "node:http";
import { ConfigError, describeOptions, registerSecret } from "@latentkit/core";
import type { Dispatcher } from "undici";
import { z } from "zod";

/** The backend's id, as it stands in every error. */
export const backendId = "openai";

/** Fields of a request that OpenAI's API has not and other servers of its dialect have, with their usual names there. */
export const extraNames = {
  seed: "seed",
  steps: "steps",
  negativePrompt: "negative_prompt",
  guidanceScale: "guidance_scale",
  sampler: "sampler",
  scheduler: "scheduler",
} as const;
/** Name of such a field in our requests. */
export type ExtraField = keyof typeof extraNames;
const extraFields = Object.keys(extraNames) as ExtraField[];

const positive = z.number().positive();
const OptionsSchema = z.strictObject({
  model: z.string().min(1).optional(),
  apiKey: z.string().min(1).optional(),
  url: z.string().min(1).default("https://api.openai.com/v1"),
  organization: z.string().min(1).optional(),
  project: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  extras: z
    .union(
      [z.literal("sd.cpp"), z.array(z.enum(extraFields)), z.partialRecord(z.enum(extraFields), z.string().min(1))],
      {
        error: `must be "sd.cpp", or a list or an object of ${extraFields.join(", ")}`,
      },
    )
    .default([]),
  concurrency: z.int().min(1).max(64).default(4),
  timeoutMs: positive.default(600_000),
  retries: z.int().min(0).max(20).default(4),
  maxBytes: positive.default(512 * 2 ** 20),
  dispatcher: z
    .custom<Dispatcher>(
      (value) => typeof (value as Dispatcher)?.dispatch === "function",
      "must be an undici Dispatcher",
    )
    .optional(),
});

/** Settings of the OpenAI backend. */
export interface OpenAiOptions {
  /** Model for requests that name none, such as `"gpt-image-2.5-flare"`. OpenAI asks for one; a server of one model does not. */
  model?: string | undefined;
  /** Default: `OPENAI_API_KEY`, which is sent to OpenAI alone, or to where `OPENAI_BASE_URL` says. */
  apiKey?: string | undefined;
  /** Base of the API. Default `OPENAI_BASE_URL`, else `https://api.openai.com/v1`. */
  url?: string | undefined;
  organization?: string | undefined;
  project?: string | undefined;
  /** Headers for every call. */
  headers?: Record<string, string> | undefined;
  /**
   * Fields beyond OpenAI's that the server at `url` takes: as a list, where it has their usual names (`["seed", "steps"]`); as an object,
   * with its own (`{ steps: "num_inference_steps" }`); `"sd.cpp"` for stable-diffusion.cpp's server, which takes them inside the prompt.
   */
  extras?: "sd.cpp" | readonly ExtraField[] | Readonly<Partial<Record<ExtraField, string>>> | undefined;
  /** Most calls of one request at a time. Default 4. */
  concurrency?: number | undefined;
  /** Longest silence of the server, in milliseconds: a picture may take minutes. Default 600 000. */
  timeoutMs?: number | undefined;
  /** How often a call is made again that surely did nothing: no connection, or HTTP 429. Default 4. */
  retries?: number | undefined;
  /** Longest answer. Default 512 MiB. */
  maxBytes?: number | undefined;
  /** undici dispatcher, for TLS settings or an outgoing proxy. */
  dispatcher?: Dispatcher | undefined;
}

/** Options with defaults filled in. */
export interface ResolvedOpenAiOptions extends Omit<z.output<typeof OptionsSchema>, "url" | "extras" | "apiKey"> {
  url: URL;
  /** Whether `url` is OpenAI's own. */
  isOpenAi: boolean;
  /** The server's names of the fields that it takes beyond OpenAI's. */
  extras: Readonly<Partial<Record<ExtraField, string>>>;
  /** Whether they go inside the prompt. */
  inPrompt: boolean;
}

/** @throws ConfigError naming the option. */
export function resolveOptions(input: OpenAiOptions, env: NodeJS.ProcessEnv = process.env): ResolvedOpenAiOptions {
  const { apiKey, organization, project, extras, ...rest } = parse(input, env);
  const url = parseUrl(rest.url);
  const isOpenAi = url.hostname === "api.openai.com" || url.hostname.endsWith(".api.openai.com");
  // A key in the environment is OpenAI's: an address in a file of a project's must not draw it there.
  const isNamedByEnv = input.url === undefined && (env.OPENAI_BASE_URL || undefined) !== undefined;
  const key = apiKey ?? (isOpenAi || isNamedByEnv ? env.OPENAI_API_KEY || undefined : undefined);
  if (key === undefined && isOpenAi)
    throw new ConfigError("openai: apiKey: is missing: set OPENAI_API_KEY", { backend: backendId });
  registerSecret(key);
  const headers = {
    ...(organization === undefined ? {} : { "openai-organization": organization }),
    ...(project === undefined ? {} : { "openai-project": project }),
    ...rest.headers,
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  checkHeaders(headers);
  const inPrompt = extras === "sd.cpp";
  const taken: readonly ExtraField[] = inPrompt ? ["seed", "steps", "guidanceScale", "negativePrompt"] : [];
  const named = Array.isArray(extras) || inPrompt ? namesOf(inPrompt ? taken : (extras as ExtraField[])) : extras;
  return { ...rest, url, isOpenAi, headers, extras: named as ResolvedOpenAiOptions["extras"], inPrompt };
}

function namesOf(fields: readonly ExtraField[]): Partial<Record<ExtraField, string>> {
  return Object.fromEntries(fields.map((field) => [field, extraNames[field]]));
}

function parse(input: OpenAiOptions, env: NodeJS.ProcessEnv): z.output<typeof OptionsSchema> {
  const fromEnv = { url: env.OPENAI_BASE_URL || undefined };
  const given = Object.entries({ ...fromEnv, ...input }).filter(([, value]) => value !== undefined);
  const parsed = OptionsSchema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  throw new ConfigError(`openai: ${describeOptions(parsed.error, OptionsSchema, "the options")}`, {
    backend: backendId,
    cause: parsed.error,
  });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    throw new ConfigError(
      "openai: url: must be the API's http or https address without a query or a password, such as http://127.0.0.1:8080/v1",
      { backend: backendId },
    );
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/** What no HTTP request can carry is refused here; the value is not shown. */
function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      const option = name === "authorization" ? "apiKey" : name.replace(/^openai-/, "");
      throw new ConfigError(`openai: ${option}: cannot be sent as a header`, { backend: backendId });
    }
  }
}
