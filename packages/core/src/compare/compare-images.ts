import { ImageError } from "../errors/image-error.ts";
import type { Pixels } from "../image/codec.ts";
import { ssimOf } from "./ssim.ts";

/** How far two pictures of one size are from each other. */
export interface ImageDifference {
  /** Whether every sample is the same. */
  equal: boolean;
  /** Mean absolute difference of a sample, 0 to 255. */
  mean: number;
  /** Largest difference of a sample, 0 to 255. */
  max: number;
  /** Pixels that differ at all. */
  differing: number;
  /** Structural similarity (Wang et al. 2004) of the luma, up to 1, which is the same. */
  ssim: number;
}

/**
 * Compares two pictures sample by sample. Where one has no alpha, it counts as opaque.
 *
 * @throws ImageError when their sizes differ.
 */
export function compareImages(a: Pixels, b: Pixels): ImageDifference {
  checkSizes(a, b);
  const channels = Math.max(a.channels, b.channels);
  let [sum, max, differing] = [0, 0, 0];
  for (let pixel = 0; pixel < a.width * a.height; pixel++) {
    let largest = 0;
    for (let channel = 0; channel < channels; channel++) {
      const difference = Math.abs(sampleAt(a, pixel, channel) - sampleAt(b, pixel, channel));
      sum += difference;
      largest = Math.max(largest, difference);
    }
    if (largest > 0) differing++;
    max = Math.max(max, largest);
  }
  return { equal: max === 0, mean: sum / (a.width * a.height * channels), max, differing, ssim: ssimOf(a, b) };
}

/**
 * A picture of where two pictures differ: black where they are the same, then red, yellow, and white where a pixel's largest difference is
 * `full` or more.
 *
 * @throws ImageError when their sizes differ.
 */
export function differenceMap(a: Pixels, b: Pixels, { full = 64 }: { full?: number } = {}): Pixels {
  checkSizes(a, b);
  const channels = Math.max(a.channels, b.channels);
  const data = new Uint8Array(a.width * a.height * 3);
  for (let pixel = 0; pixel < a.width * a.height; pixel++) {
    let largest = 0;
    for (let channel = 0; channel < channels; channel++)
      largest = Math.max(largest, Math.abs(sampleAt(a, pixel, channel) - sampleAt(b, pixel, channel)));
    const heat = Math.min(1, largest / full) * 3;
    // A difference of a single step is to be seen, too.
    const floor = largest > 0 ? 40 : 0;
    for (let band = 0; band < 3; band++)
      data[pixel * 3 + band] = Math.max(
        band === 0 ? floor : 0,
        Math.round(255 * Math.min(1, Math.max(0, heat - band))),
      );
  }
  return { width: a.width, height: a.height, channels: 3, data };
}

function checkSizes(a: Pixels, b: Pixels): void {
  if (a.width === b.width && a.height === b.height) return;
  throw new ImageError(`The pictures have different sizes: ${a.width}×${a.height} and ${b.width}×${b.height}.`);
}

function sampleAt({ data, channels }: Pixels, pixel: number, channel: number): number {
  return channel < channels ? data[pixel * channels + channel]! : 255;
}
