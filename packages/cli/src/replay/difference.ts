import { compareImages, decodeImage, type ImageDifference, LatentKitError, type Pixels } from "@latentkit/core";

/** A line for people. */
export function describeDifference({ equal, mean, max, differing, ssim }: ImageDifference, pixels: number): string {
  if (equal) return "the same, pixel for pixel";
  const share = ((100 * differing) / pixels).toFixed(differing / pixels < 0.1 ? 2 : 0);
  return `mean difference ${mean.toFixed(3)} of 255, largest ${max}, ${share} % of the pixels, SSIM ${ssim.toFixed(4)}`;
}

/** What came of comparing a picture with the file that its recipe is from. */
export type Comparison = { difference: ImageDifference; pixels: number } | { why: string };

/** Compares a picture with the one in a file; a file that holds none is no error. */
export async function compareWithFile(image: { pixels(): Promise<Pixels> }, file: Uint8Array): Promise<Comparison> {
  try {
    const [drawn, original] = await Promise.all([image.pixels(), decodeImage(file)]);
    return { difference: compareImages(original, drawn), pixels: original.width * original.height };
  } catch (error) {
    if (LatentKitError.isInstance(error) && error.code === "image") return { why: error.message };
    throw error;
  }
}
