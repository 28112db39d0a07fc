import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { tooLarge } from "../fetch/too-large.ts";
import { type HashedSource, type ImageSource, isHashed } from "../request/image-source.ts";
import type { InputRules } from "./input-rules.ts";

const defaultMaxBytes = 256 * 2 ** 20;

/** How an input image is read: a backend passes on the `inputs` that its call was given. */
export interface LoadOptions extends InputRules {
  /** The request's field, for errors. */
  field?: string;
  signal?: AbortSignal | undefined;
}

/**
 * Reads the bytes of an input image, or of another input file.
 *
 * @throws InvalidRequestError when the file does not exist or its hash differs, ImageError when a URL does not answer.
 */
export async function loadImageSource(source: ImageSource, options: LoadOptions = {}): Promise<Uint8Array> {
  const { field = "image", maxBytes = defaultMaxBytes } = options;
  if (isHashed(source)) throw notEmbedded(source, field);
  const bytes =
    "base64" in source
      ? readBase64(source.base64, field, maxBytes)
      : "path" in source
        ? await readPath(source.path, options)
        : await readUrl(source.url, options);
  if (source.sha256 !== undefined && source.sha256 !== sha256(bytes)) throw notTheSame(options);
  return bytes;
}

/**
 * SHA-256 of an input image's bytes, in hex. A file is read piece by piece, never as a whole.
 *
 * @throws as {@link loadImageSource} does, also when the source's own `sha256` differs.
 */
export async function hashImageSource(source: ImageSource, options: LoadOptions = {}): Promise<string> {
  if (!("path" in source)) return sha256(await loadImageSource(source, options));
  const hash = await fromFile(source.path, options, async (signal) => {
    const running = createHash("sha256");
    await pipeline(createReadStream(source.path), running, signal);
    return running.digest("hex");
  });
  if (source.sha256 !== undefined && source.sha256 !== hash) throw notTheSame(options);
  return hash;
}

/**
 * Holds an input's URL against the rules without fetching it, for a service that fetches it itself.
 *
 * @throws InvalidRequestError naming the field and the rule.
 */
export async function checkInputUrl(url: string, { field = "image", ...rules }: LoadOptions = {}): Promise<void> {
  const { checkUrl } = await import("../fetch/check-url.ts");
  checkUrl(new URL(url), field, rules);
}

/** SHA-256 of bytes, in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function readBase64(base64: string, field: string, maxBytes: number): Uint8Array {
  const length = Math.floor((base64.length * 3) / 4) - 2;
  if (length > maxBytes) throw tooLarge(field, length, maxBytes);
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length > maxBytes) throw tooLarge(field, bytes.length, maxBytes);
  return bytes;
}

async function readPath(path: string, options: LoadOptions): Promise<Uint8Array> {
  return fromFile(path, options, (signal) => readFile(path, signal));
}

/** Does something with a file that is fit to be read. */
async function fromFile<T>(
  path: string,
  { field = "image", signal, maxBytes = defaultMaxBytes }: LoadOptions,
  work: (signal: { signal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  try {
    // A pipe or a device may never end: it is not even opened.
    const stats = await stat(path);
    if (!stats.isFile()) throw new InvalidRequestError([{ field, message: `this is not a regular file: ${path}` }]);
    if (stats.size > maxBytes) throw tooLarge(field, stats.size, maxBytes);
    return await work(signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (InvalidRequestError.isInstance(cause)) throw cause;
    const why =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : "the file cannot be read";
    throw new InvalidRequestError([{ field, message: `${why}: ${path}` }], { cause });
  }
}

async function readUrl(url: string, { field = "image", ...options }: LoadOptions): Promise<Uint8Array> {
  const { fetchInput } = await import("../fetch/fetch-input.ts");
  return fetchInput(url, { field, ...options });
}

/** @returns what to say of an input that a recipe names without holding it. */
export function notEmbedded({ sha256: hash, size }: HashedSource, field: string): InvalidRequestError {
  const what = `the recipe tells this input only by its hash (${size} bytes, SHA-256 ${hash.slice(0, 12)}…)`;
  const message = `${what}: give the file in its place, or among the call's inputs; output.embedInputs keeps such bytes in recipes`;
  return new InvalidRequestError([{ field, message }]);
}

function notTheSame({ field = "image" }: LoadOptions): InvalidRequestError {
  const message = "the file is not the one that the recipe was made with (its SHA-256 differs)";
  return new InvalidRequestError([{ field, message }]);
}
