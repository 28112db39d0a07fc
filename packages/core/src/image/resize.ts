import type { Pixels } from "./codec.ts";

/** Pixels resized to exactly `width` × `height` with a Lanczos filter; the aspect ratio is not kept. */
export async function resizeImage(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  const { default: sharp } = await import("sharp");
  const { channels, data } = pixels;
  const image = sharp(data, { raw: { width: pixels.width, height: pixels.height, channels } });
  const resized = await image.resize(width, height, { fit: "fill", kernel: "lanczos3" }).raw().toBuffer();
  return { width, height, channels, data: resized };
}
