import type { Pixels } from "./codec.ts";
import { resizeImage } from "./resize.ts";

/** What an inpainted picture keeps. */
export interface Kept {
  image: Pixels;
  /** White (luminance 255) where the picture is painted anew; black is kept, grey is blended. */
  mask: Pixels;
}

/**
 * A painted picture with what its mask keeps put back, bit for bit where the mask is black. Image and mask are resized to the painted
 * picture where their sizes differ.
 */
export async function pasteKept(painted: Pixels, kept: Kept): Promise<Pixels> {
  const { width, height, channels } = painted;
  const image = await sized(kept.image, width, height);
  const mask = await sized(kept.mask, width, height);
  const data = Uint8Array.from(painted.data);
  for (let i = 0; i < width * height; i++) {
    const paint = luma(mask, i);
    if (paint === 255) continue;
    for (let c = 0; c < channels; c++) {
      const old = c === 3 && image.channels === 3 ? 255 : image.data[i * image.channels + c]!;
      const at = i * channels + c;
      data[at] = paint === 0 ? old : Math.round((old * (255 - paint) + data[at]! * paint) / 255);
    }
  }
  return { width, height, channels, data };
}

/** ITU-R 601 luma, PIL's greyscale. */
function luma({ channels, data }: Pixels, i: number): number {
  const at = i * channels;
  return Math.round(data[at]! * 0.299 + data[at + 1]! * 0.587 + data[at + 2]! * 0.114);
}

async function sized(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  return pixels.width === width && pixels.height === height ? pixels : resizeImage(pixels, width, height);
}
