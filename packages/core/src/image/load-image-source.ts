import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ImageError } from "../errors/image-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { ImageSource } from "../request/image-source.ts";

/** Bytes of an input image, from wherever it lies. */
export interface LoadOptions {
  /** The request's field, for errors. */
  field?: string;
  signal?: AbortSignal;
  /** Larger files are refused. Default 256 MB. */
  maxBytes?: number;
}

/**
 * Reads an input image's bytes.
 *
 * @throws InvalidRequestError when the file does not exist or its hash differs, ImageError when a URL does not answer.
 */
export async function loadImageSource(source: ImageSource, options: LoadOptions = {}): Promise<Uint8Array> {
  const { field = "image", maxBytes = 256 * 2 ** 20 } = options;
  const bytes =
    "base64" in source
      ? Buffer.from(source.base64, "base64")
      : "path" in source
        ? await readPath(source.path, options)
        : await readUrl(source.url, options);
  if (bytes.length > maxBytes)
    throw new InvalidRequestError([
      { field, message: `the file has ${bytes.length} bytes; at most ${maxBytes} are taken` },
    ]);
  if (source.sha256 !== undefined && source.sha256 !== sha256(bytes)) {
    throw new InvalidRequestError([
      { field, message: "the image is not the one that the recipe was made with (its SHA-256 differs)" },
    ]);
  }
  return bytes;
}

/** SHA-256 of bytes, in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function readPath(path: string, { field = "image", signal }: LoadOptions): Promise<Uint8Array> {
  try {
    return await readFile(path, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const why =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : "the file cannot be read";
    throw new InvalidRequestError([{ field, message: `${why}: ${path}` }], { cause });
  }
}

async function readUrl(url: string, { field = "image", signal }: LoadOptions): Promise<Uint8Array> {
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok) throw new ImageError(`${field}: ${url} answered HTTP ${response.status}.`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    signal?.throwIfAborted();
    if (ImageError.isInstance(cause)) throw cause;
    throw new ImageError(`${field}: ${url} cannot be fetched.`, { cause, retryable: true });
  }
}
