import { ImageError } from "../errors/image-error.ts";
import { pngWithoutText } from "../png/without-text.ts";
import type { ImageFormat } from "../request/shared-fields.ts";
import { type Bytes, ownBytes } from "./image-file.ts";
import { checkImage, defaultMaxInputPixels } from "./input-limits.ts";
import type { Pixels } from "./pixels.ts";

export type { Pixels } from "./pixels.ts";

/** How a picture is decoded. */
export interface DecodeOptions {
  /** More pixels are refused by the header. Default 64 million. */
  maxPixels?: number | undefined;
  /** Longest time for the decoding itself, without the wait for other pictures, in milliseconds. Default 30 000. */
  timeoutMs?: number | undefined;
  /** Aborting it ends the decoding. */
  signal?: AbortSignal | undefined;
  /** Whether transparency is dropped, before a change of size. Default false. */
  opaque?: boolean | undefined;
  /** The size that is wanted, by the picture's own; it is resized where it is decoded, so that this process never holds the large one. */
  size?: ((own: { width: number; height: number }) => { width: number; height: number } | undefined) | undefined;
}

const defaultTimeoutMs = 30_000;

/**
 * Decodes a PNG, JPEG, WebP, GIF, AVIF or TIFF file, upright (EXIF orientation applied), sRGB; of several pages or frames the first.
 *
 * Safe with strangers' files: kind and size are read from the header first, texts and other formats never reach the decoder, and that is
 * a process of its own, which can be ended. Few are decoded at a time; the others wait.
 *
 * @param what the request's field, for errors.
 * @throws ImageError when the bytes are no such file, or one that is too large; TimeoutError when decoding takes too long.
 */
export async function decodeImage(bytes: Uint8Array, what = "image", options: DecodeOptions = {}): Promise<Pixels> {
  const { maxPixels, timeoutMs = defaultTimeoutMs, signal, opaque = false, size = () => undefined } = options;
  const { kind, width, height } = checkImage(bytes, what, maxPixels);
  const parts = kind === "png" ? pngWithoutText(bytes, what) : [bytes];
  const { decodeApart } = await import("./decoder/decode-apart.ts");
  const limit = maxPixels ?? defaultMaxInputPixels;
  return decodeApart({
    parts,
    kind,
    what,
    pixels: width * height,
    maxPixels: limit,
    timeoutMs,
    opaque,
    choose: size,
    signal,
  });
}

/** Encodes samples as a file. The same samples give the same bytes. */
export async function encodeImage(pixels: Pixels, format: ImageFormat, quality = 90): Promise<Bytes> {
  const { default: sharp } = await import("sharp");
  const { width, height, channels, data } = pixels;
  try {
    const image = sharp(data, { raw: { width, height, channels } });
    if (format === "jpeg") return ownBytes(await image.flatten({ background: "white" }).jpeg({ quality }).toBuffer());
    return ownBytes(await (format === "png" ? image.png({ compressionLevel: 6 }) : image.webp({ quality })).toBuffer());
  } catch (cause) {
    throw new ImageError(`The image cannot be encoded as ${format}.`, { cause });
  }
}

/**
 * Width, height and media type of an image file, from its header: pixels as stored, before an EXIF orientation is applied.
 *
 * @throws ImageError when it is none that is decoded, or larger than `maxPixels` (default 64 million).
 */
export async function probeImage(
  bytes: Uint8Array,
  what = "image",
  maxPixels?: number,
): Promise<{ width: number; height: number; mediaType: string }> {
  const { kind, width, height } = checkImage(bytes, what, maxPixels);
  return { width, height, mediaType: `image/${kind}` };
}
