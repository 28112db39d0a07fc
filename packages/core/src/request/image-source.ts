import { fileURLToPath } from "node:url";
import * as z from "zod";
import { toBase64 } from "../image/base64.ts";
import { type ImageObject, isBlob, isImageFile } from "./image-object.ts";

const PathSource = z.strictObject({ path: z.string().min(1), sha256: z.string().optional() });
const UrlSource = z.strictObject({ url: z.string().min(1), sha256: z.string().optional() });
const Base64Source = z.strictObject({
  base64: z.base64(),
  mediaType: z.string().optional(),
  sha256: z.string().optional(),
});
const HashSource = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex"),
  size: z.int().min(1),
});

// Any Uint8Array, a Buffer among them: instanceof would ask for one over an ArrayBuffer of its own.
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const buffer = z.custom<ArrayBuffer>((value) => value instanceof ArrayBuffer);
const object = z.custom<ImageObject>((value) => isBlob(value) || isImageFile(value));

/**
 * Where an input image comes from, as plain data. `sha256` (hex, of the file's bytes) is checked when present. One that has nothing but
 * its `sha256` and `size` in bytes is how a recipe tells of an input that was given as bytes: they are to be given again.
 */
export type ImageSource =
  | z.output<typeof PathSource>
  | z.output<typeof UrlSource>
  | z.output<typeof Base64Source>
  | HashedSource;
/** An input file that a recipe tells of without holding it. */
export type HashedSource = z.output<typeof HashSource>;

const whatItTakes =
  "must be a file path, a URL, the bytes of an image file, a Blob, a generated image, or { path }, { url } or { base64 }";

/**
 * An input image: a file path, an `http(s)`, `file` or `data` URL, the bytes of a PNG, JPEG or WebP file, a `Blob`
 * or `File`, a `GeneratedImage` (the picture of a job), or an {@link ImageSource}. Parsed to an {@link ImageSource}.
 */
export const ImageSourceSchema = z
  .union([z.string(), z.instanceof(URL), bytes, buffer, object, PathSource, UrlSource, Base64Source, HashSource], {
    error: ({ input }) => `${input === undefined ? "is missing: " : ""}${whatItTakes}`,
  })
  .transform((input, context): ImageSource => {
    if (input === "") return refuse(context, "must not be empty");
    if (input instanceof Uint8Array || input instanceof ArrayBuffer) {
      if (input.byteLength === 0) return refuse(context, "holds no bytes");
      return { base64: toBase64(input instanceof ArrayBuffer ? new Uint8Array(input) : input) };
    }
    if (isBlob(input) || isImageFile(input)) {
      return refuse(
        context,
        "is an object whose bytes must be read first: client.generate() does that, or give its bytes",
      );
    }
    if (input instanceof URL) return fromUrl(input.href, context);
    if (typeof input === "object") return "url" in input ? fromUrl(input.url, context, input) : input;
    // A single letter before the colon is a drive of Windows.
    return /^[a-z][a-z0-9+.-]+:/i.test(input) ? fromUrl(input, context) : { path: input };
  });

function fromUrl(url: string, context: z.RefinementCtx, source: { sha256?: string | undefined } = {}): ImageSource {
  // Its bytes are no address to be taken apart: that would take seconds of a large one.
  if (/^data:/i.test(url)) return fromDataUrl(url, context);
  const parsed = URL.parse(url);
  switch (parsed?.protocol) {
    case "http:":
    case "https:":
      return source.sha256 === undefined ? { url } : { url, sha256: source.sha256 };
    case "file:":
      try {
        return { path: fileURLToPath(parsed) };
      } catch {
        return refuse(context, "is a file URL that names no local file");
      }
    default:
      return refuse(context, "must be an http, https, file or data URL, or a path");
  }
}

function fromDataUrl(url: string, context: z.RefinementCtx): ImageSource {
  const [, mediaType, base64] = /^data:([^;,]*);base64,([\w+/]+=*)$/i.exec(url) ?? [];
  if (base64 === undefined) return refuse(context, "a data URL must be base64-encoded (data:image/png;base64,…)");
  return mediaType ? { base64, mediaType } : { base64 };
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}

/** Whether a source names a file by its hash alone. */
export function isHashed(source: ImageSource): source is HashedSource {
  return !("base64" in source || "path" in source || "url" in source);
}
