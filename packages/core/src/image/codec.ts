import { ImageError } from "../errors/image-error.ts";
import type { ImageFormat } from "../request/shared-fields.ts";

/** Decoded 8-bit samples, `[height, width, channels]`. */
export interface Pixels {
  width: number;
  height: number;
  /** 3 is RGB, 4 is RGBA. */
  channels: 3 | 4;
  data: Uint8Array;
}

/** More pixels than this in a file are refused before it is decoded: 400 MB as RGBA. */
const maxPixels = 100_000_000;

/**
 * Decodes a PNG, JPEG, WebP, GIF, AVIF or TIFF file, upright (EXIF orientation applied), sRGB.
 *
 * @throws ImageError when the bytes are no such file.
 */
export async function decodeImage(bytes: Uint8Array, what = "image"): Promise<Pixels> {
  const { default: sharp } = await import("sharp");
  try {
    const image = sharp(bytes, { limitInputPixels: maxPixels, failOn: "truncated" }).autoOrient().toColourspace("srgb");
    const { hasAlpha } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
    const { data, info } = await (hasAlpha ? image.ensureAlpha() : image.removeAlpha())
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels as 3 | 4, data };
  } catch (cause) {
    const rule = `it must be a PNG, JPEG, WebP, GIF, AVIF or TIFF file of at most ${maxPixels / 1e6} megapixels`;
    throw new ImageError(`The ${what} cannot be decoded: ${rule}.`, { cause });
  }
}

/** Encodes samples as a file. The same samples give the same bytes. */
export async function encodeImage(pixels: Pixels, format: ImageFormat, quality = 90): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  const { width, height, channels, data } = pixels;
  try {
    const image = sharp(data, { raw: { width, height, channels } });
    if (format === "jpeg") return await image.flatten({ background: "white" }).jpeg({ quality }).toBuffer();
    return await (format === "png" ? image.png({ compressionLevel: 6 }) : image.webp({ quality })).toBuffer();
  } catch (cause) {
    throw new ImageError(`The image cannot be encoded as ${format}.`, { cause });
  }
}

/** Width, height and format of an image file, from its header. */
export async function probeImage(bytes: Uint8Array): Promise<{ width: number; height: number; mediaType: string }> {
  const { default: sharp } = await import("sharp");
  try {
    const { width, height, format } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
    return { width, height, mediaType: `image/${format}` };
  } catch (cause) {
    throw new ImageError("The image cannot be read: it must be a PNG, JPEG, WebP, GIF, AVIF or TIFF file.", { cause });
  }
}
