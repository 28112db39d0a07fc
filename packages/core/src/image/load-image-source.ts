import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { ImageError } from "../errors/image-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { type HashedSource, type ImageSource, isHashed } from "../request/image-source.ts";

const defaultMaxBytes = 256 * 2 ** 20;

/** How an input image is read. */
export interface LoadOptions {
  /** The request's field, for errors. */
  field?: string;
  signal?: AbortSignal;
  /** Larger files are refused. Default 256 MB. */
  maxBytes?: number;
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
      ? Buffer.from(source.base64, "base64")
      : "path" in source
        ? await readPath(source.path, options)
        : await readUrl(source.url, options);
  if (bytes.length > maxBytes) throw tooLarge(field, bytes.length, maxBytes);
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

/** SHA-256 of bytes, in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
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

async function readUrl(url: string, options: LoadOptions): Promise<Uint8Array> {
  const { field = "image", signal, maxBytes = defaultMaxBytes } = options;
  // A query may hold a signature: it is no part of a message.
  const shown = url.replace(/[?#].*$/, "");
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok) throw new ImageError(`${field}: ${shown} answered HTTP ${response.status}.`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > maxBytes) throw tooLarge(field, length, maxBytes);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (cause) {
    signal?.throwIfAborted();
    if (ImageError.isInstance(cause) || InvalidRequestError.isInstance(cause)) throw cause;
    throw new ImageError(`${field}: ${shown} cannot be fetched.`, { cause, retryable: true });
  }
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

function tooLarge(field: string, size: number, maxBytes: number): InvalidRequestError {
  const message = `has ${size} bytes or more; at most ${maxBytes} are taken`;
  return new InvalidRequestError([{ field, message, allowed: { max: maxBytes } }]);
}
