import { type Pixels, resizeImage } from "@latentkit/core";

/** Of the pictures that CLIP was trained on, by colour. */
export const clipColours = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const;
const { mean, deviation } = clipColours;

/** A picture as CLIP sees it: its shorter side brought to `size`, the middle of it, normalised: `[3, size, size]`. */
export async function clipPixels(pixels: Pixels, size: number): Promise<Float32Array> {
  const { width, height } = pixels;
  const short = Math.min(width, height);
  const fit = (side: number) => (side === short ? size : Math.trunc((size * side) / short));
  const resized = await resizeImage(pixels, fit(width), fit(height), "bicubic");
  const [left, top] = [Math.floor((resized.width - size) / 2), Math.floor((resized.height - size) / 2)];
  const planes = new Float32Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = ((top + y) * resized.width + left + x) * resized.channels;
      for (let c = 0; c < 3; c++) {
        planes[(c * size + y) * size + x] = (resized.data[at + c]! / 255 - mean[c]!) / deviation[c]!;
      }
    }
  }
  return planes;
}
