import type { ImageKind } from "../image-kind.ts";
import type { Pixels } from "../pixels.ts";

/** libvips' loaders by the kind of file: all others stay blocked in the decoder's process. */
export const loaders: Readonly<Record<ImageKind, string>> = {
  png: "VipsForeignLoadPng",
  jpeg: "VipsForeignLoadJpeg",
  webp: "VipsForeignLoadWebp",
  gif: "VipsForeignLoadNsgif",
  avif: "VipsForeignLoadHeif",
  tiff: "VipsForeignLoadTiff",
};

/** How a picture is decoded, as plain data. */
export interface DecoderOptions {
  maxPixels: number;
  /** Whether transparency is dropped. */
  opaque: boolean;
}

/** Decodes a file upright (EXIF orientation applied), as 8-bit sRGB; of several pages or frames the first. */
export async function decodeWithSharp(bytes: Uint8Array, { maxPixels, opaque }: DecoderOptions): Promise<Pixels> {
  const { default: sharp } = await import("sharp");
  const options = { limitInputPixels: maxPixels, failOn: "truncated" } as const;
  const { hasAlpha } = await sharp(bytes, options).metadata();
  const image = sharp(bytes, options).autoOrient().toColourspace("srgb");
  const { data, info } = await (hasAlpha && !opaque ? image.ensureAlpha() : image.removeAlpha())
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: info.channels as 3 | 4, data };
}
