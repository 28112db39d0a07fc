import { decodeImage, encodeImage, InvalidRequestError } from "@latentkit/core";

/**
 * OpenAI's mask is painted where it is transparent; ours where it is white.
 *
 * @throws InvalidRequestError for a picture without transparency, which would mean something else; ImageError where it is none.
 */
export async function maskFromAlpha(file: Uint8Array, maxPixels: number): Promise<Uint8Array> {
  const { width, height, channels, data } = await decodeImage(file, "mask", { maxPixels });
  if (channels !== 4)
    throw new InvalidRequestError([
      { field: "mask", message: "must be a picture with an alpha channel: transparent is what is painted anew" },
    ]);
  const mask = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) mask.fill(255 - data[i * 4 + 3]!, i * 3, i * 3 + 3);
  return encodeImage({ width, height, channels: 3, data: mask }, "png");
}
