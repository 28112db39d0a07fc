import {
  type Borders,
  borderMask,
  type CallInputs,
  type DecodeOptions,
  decodeImage,
  encodeImage,
  padPixels,
} from "@latentkit/core";
import type { FileTransform } from "./file-slot.ts";

/** White becomes black: for models whose masks are the other way round. */
export const invertMask: FileTransform = async (bytes, signal, inputs) => {
  const pixels = await decodeImage(bytes, "mask", limits(signal, inputs));
  const { channels } = pixels;
  const data = pixels.data.map((value, i) => (channels === 4 && i % 4 === 3 ? value : 255 - value));
  return encodeImage({ ...pixels, data }, "png");
};

/** The picture on a larger canvas, its edge pixels drawn out over the new border. */
export function padImage(borders: Borders): FileTransform {
  return async (bytes, signal, inputs) =>
    encodeImage(padPixels(await decodeImage(bytes, "image", limits(signal, inputs)), borders), "png");
}

/** The mask of {@link padImage}: white over the border, black over the picture, `feather` pixels of ramp inside it. */
export function maskOfBorder(borders: Borders, feather: number): FileTransform {
  return async (bytes, signal, inputs) =>
    encodeImage(borderMask(await decodeImage(bytes, "image", limits(signal, inputs)), borders, feather), "png");
}

function limits(signal: AbortSignal, { maxPixels, timeoutMs }: CallInputs = {}): DecodeOptions {
  return { maxPixels, timeoutMs, signal };
}
