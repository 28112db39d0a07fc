import { type Borders, borderMask, decodeImage, encodeImage, padPixels } from "@latentkit/core";
import type { FileTransform } from "./file-slot.ts";

/** White becomes black: for models whose masks are the other way round. */
export const invertMask: FileTransform = async (bytes) => {
  const pixels = await decodeImage(bytes, "mask");
  const { channels } = pixels;
  const data = pixels.data.map((value, i) => (channels === 4 && i % 4 === 3 ? value : 255 - value));
  return encodeImage({ ...pixels, data }, "png");
};

/** The picture on a larger canvas, its edge pixels drawn out over the new border. */
export function padImage(borders: Borders): FileTransform {
  return async (bytes) => encodeImage(padPixels(await decodeImage(bytes, "image"), borders), "png");
}

/** The mask of {@link padImage}: white over the border, black over the picture, `feather` pixels of ramp inside it. */
export function maskOfBorder(borders: Borders, feather: number): FileTransform {
  return async (bytes) => encodeImage(borderMask(await decodeImage(bytes, "image"), borders, feather), "png");
}
