import { z } from "zod";

const PathSource = z.strictObject({ path: z.string().min(1), sha256: z.string().optional() });
const UrlSource = z.strictObject({ url: z.string().min(1), sha256: z.string().optional() });
const Base64Source = z.strictObject({
  base64: z.base64(),
  mediaType: z.string().optional(),
  sha256: z.string().optional(),
});

// Any Uint8Array, a Buffer among them: instanceof would ask for one over an ArrayBuffer of its own.
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);

/** Where an input image comes from, as plain data. `sha256` (hex, of the file's bytes) is checked when present. */
export type ImageSource = z.output<typeof PathSource> | z.output<typeof UrlSource> | z.output<typeof Base64Source>;

/**
 * An input image: a file path, an `http(s)`, `file` or `data` URL, the bytes of a PNG, JPEG or WebP file, or an
 * {@link ImageSource}. Parsed to an {@link ImageSource}.
 */
export const ImageSourceSchema = z
  .union([z.string().min(1), z.instanceof(URL), bytes, PathSource, UrlSource, Base64Source], {
    error: "must be a file path, a URL, the bytes of an image file, or { path }, { url } or { base64 }",
  })
  .transform((input, context): ImageSource => {
    if (input instanceof Uint8Array) return { base64: Buffer.from(input).toString("base64") };
    if (input instanceof URL) return fromUrl(input.href, context);
    if (typeof input !== "string") return input;
    return /^(https?|data|file):/i.test(input) ? fromUrl(input, context) : { path: input };
  });

function fromUrl(url: string, context: z.RefinementCtx): ImageSource {
  if (url.startsWith("file:")) return { path: decodeURIComponent(new URL(url).pathname) };
  if (!url.startsWith("data:")) return { url };
  const [, mediaType, base64] = /^data:([^;,]*);base64,(.*)$/s.exec(url) ?? [];
  if (base64 === undefined) {
    context.addIssue({ code: "custom", message: "a data URL must be base64-encoded (data:image/png;base64,…)" });
    return z.NEVER;
  }
  return mediaType ? { base64, mediaType } : { base64 };
}
