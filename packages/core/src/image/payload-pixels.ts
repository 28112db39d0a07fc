import type { Backend } from "../backend.ts";
import { ImageError } from "../errors/image-error.ts";
import type { ImagePayload, PixelsPayload } from "../image-payload.ts";
import { decodeImage, type Pixels } from "./codec.ts";
import { maxOutputPixels } from "./input-limits.ts";

/** The samples of a picture as a backend handed it over, fetched where it lies on a server. */
export async function payloadPixels(
  image: ImagePayload,
  backend: Pick<Backend, "fetchImage"> | undefined,
  signal: AbortSignal,
): Promise<Pixels> {
  if (image.kind === "pixels") {
    const { width, height, channels, base64 } = image;
    return { width, height, channels, data: Buffer.from(base64, "base64") };
  }
  if (image.kind === "encoded")
    return decodeImage(Buffer.from(image.base64, "base64"), "generated image", { maxPixels: maxOutputPixels, signal });
  if (backend?.fetchImage === undefined) throw new ImageError("This backend gave a URL, but cannot fetch it.");
  return decodeImage(await backend.fetchImage(image, { signal }), "generated image", {
    maxPixels: maxOutputPixels,
    signal,
  });
}

/** Samples as plain data. */
export function toPayload({ width, height, channels, data }: Pixels): PixelsPayload {
  const { buffer, byteOffset, byteLength } = data;
  return {
    kind: "pixels",
    width,
    height,
    channels,
    base64: Buffer.from(buffer, byteOffset, byteLength).toString("base64"),
  };
}
