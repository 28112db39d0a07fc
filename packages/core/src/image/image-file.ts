import type { ImageFormat } from "../request/shared-fields.ts";
import { toBase64 } from "./base64.ts";

/** Bytes that the platform's own classes (`Response`, `Blob`, `crypto.subtle`) take. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** How a picture is made into a file. */
export interface FileOptions {
  /** 1 to 100, for JPEG and WebP. Default: the request's `output.quality`. */
  quality?: number | undefined;
  /** Whether a PNG carries its recipe. Default: the request's `output.embedRecipe`. */
  embedRecipe?: boolean | undefined;
}

/** How a picture is made into an HTTP response. */
export interface ResponseOptions extends FileOptions {
  /** Default: the request's `output.format`. */
  format?: ImageFormat | undefined;
  /** Name under which a browser saves it. */
  filename?: string | undefined;
  /** Further headers; they go before the picture's own. */
  headers?: Record<string, string> | undefined;
  /** Default 200. */
  status?: number | undefined;
}

/** A picture that can be had as a file: one that a job made, or one that an event shows. */
export interface ImageFile {
  /** The picture as a file. */
  bytes(format?: ImageFormat, options?: FileOptions): Promise<Bytes>;
  /** The picture as a `Blob` with its media type. */
  blob(format?: ImageFormat, options?: FileOptions): Promise<Blob>;
  /** A `data:` URL, which an `<img>` or another API takes. */
  dataUrl(format?: ImageFormat, options?: FileOptions): Promise<string>;
  /** The picture as a web `Response`: for a route of Next, Hono, Bun, Deno or a worker. */
  toResponse(options?: ResponseOptions): Promise<Response>;
}

/** Media type of a format: `"image/png"`. */
export function mediaTypeOf(format: ImageFormat): string {
  return `image/${format}`;
}

/**
 * Bytes over memory of their own: a copy where it is shared with other threads, or is more than theirs, as of Node's small Buffers. So
 * `bytes.buffer` is the file and nothing else, and may be handed over to another thread.
 */
export function ownBytes(bytes: Uint8Array): Bytes {
  const isWhole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return isWhole ? (bytes as Bytes) : Uint8Array.from(bytes);
}

/** A file as a `data:` URL. */
export function toDataUrl(bytes: Uint8Array, format: ImageFormat): string {
  return `data:${mediaTypeOf(format)};base64,${toBase64(bytes)}`;
}

/** A file as a web `Response`. */
export function toFileResponse(bytes: Bytes, format: ImageFormat, options: ResponseOptions = {}): Response {
  const { filename, headers, status = 200 } = options;
  // RFC 6266: the plain name for old programs, the encoded one for all others.
  const named = filename && {
    "content-disposition": `inline; filename="${filename.replace(/[^\x20-\x7e]|["\\]/g, "_")}"; filename*=UTF-8''${encodeURIComponent(filename)}`,
  };
  const own = { "content-type": mediaTypeOf(format), "content-length": String(bytes.length) };
  return new Response(bytes, { status, headers: { ...own, ...named, ...headers } });
}
