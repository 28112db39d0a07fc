import { ImageError } from "../errors/image-error.ts";
import { type Bytes, mediaTypeOf } from "../image/image-file.ts";
import { checkImage } from "../image/input-limits.ts";
import type { Pixels } from "../image/pixels.ts";
import type { ImageFormat } from "../request/shared-fields.ts";

// What codec.ts is outside of Node: the platform's own decoders. It stands in its place in the build for browsers and workers.

export type { Pixels } from "../image/pixels.ts";

/** The part of a canvas that is used here; the compiler's settings are Node's, which has none. */
interface Canvas {
  getContext(kind: "2d"): {
    drawImage(image: unknown, x: number, y: number): void;
    getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
    putImageData(data: unknown, x: number, y: number): void;
  };
  convertToBlob(options: { type: string; quality: number }): Promise<Blob>;
}

interface Platform {
  createImageBitmap?: (blob: Blob) => Promise<{ width: number; height: number; close(): void }>;
  OffscreenCanvas?: new (width: number, height: number) => Canvas;
  ImageData?: new (data: Uint8ClampedArray, width: number, height: number) => unknown;
}

const platform = globalThis as Platform;

/** As decodeImage of codec.ts, by `createImageBitmap`. @throws ImageError where the platform has no decoder, or for a file that is none. */
export async function decodeImage(
  bytes: Uint8Array,
  what = "image",
  { maxPixels }: { maxPixels?: number | undefined } = {},
): Promise<Pixels> {
  checkImage(bytes, what, maxPixels);
  const { createImageBitmap, OffscreenCanvas } = platform;
  if (createImageBitmap === undefined || OffscreenCanvas === undefined) throw noCanvas("decoded");
  try {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(bytes)]));
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, channels: 4, data: new Uint8Array(data.buffer) };
  } catch (cause) {
    throw new ImageError(`The ${what} cannot be decoded here.`, { cause });
  }
}

/** As encodeImage of codec.ts, by a canvas. @throws ImageError where the platform has none. */
export async function encodeImage(pixels: Pixels, format: ImageFormat, quality = 90): Promise<Bytes> {
  const { OffscreenCanvas, ImageData } = platform;
  if (OffscreenCanvas === undefined || ImageData === undefined) throw noCanvas("encoded");
  const { width, height, channels, data } = pixels;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < channels; c++) rgba[i * 4 + c] = data[i * channels + c] as number;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  const blob = await canvas.convertToBlob({ type: mediaTypeOf(format), quality: quality / 100 });
  if (blob.type !== mediaTypeOf(format)) throw new ImageError(`This platform cannot write ${format} files.`);
  return new Uint8Array(await blob.arrayBuffer());
}

/** As probeImage of codec.ts. */
export async function probeImage(bytes: Uint8Array, what = "image", maxPixels?: number) {
  const { kind, width, height } = checkImage(bytes, what, maxPixels);
  return { width, height, mediaType: `image/${kind}` };
}

function noCanvas(done: string): ImageError {
  return new ImageError(
    `A picture cannot be ${done} here: this platform has no OffscreenCanvas. Hand its bytes on as they are, or do it where Node, Bun or Deno runs.`,
  );
}
