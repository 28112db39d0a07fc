import type { Pixels } from "@latentkit/core";
import type { Traits } from "../families/traits.ts";
import { requireFinite } from "./require-finite.ts";

/**
 * 8-bit RGB (or, of 4 channels, RGBA) of a decoder's picture, `[channels, height, width]` in −1 to 1; values outside are clipped.
 *
 * @throws GenerationError for values that are no finite numbers.
 */
export function toPixels(data: Float32Array, width: number, height: number, channels: 3 | 4 = 3): Pixels {
  requireFinite(data, "VAE decoder");
  const n = width * height;
  // It rounds half to even, as numpy does in diffusers.
  const samples = new Uint8ClampedArray(channels * n);
  for (let i = 0, j = 0; i < n; i++) for (let c = 0; c < channels; c++) samples[j++] = data[c * n + i]! * 127.5 + 127.5;
  return { width, height, channels, data: new Uint8Array(samples.buffer) };
}

/** A picture as a network takes it: `[3, height, width]` in −1 to 1, or `[4, height, width]` with its transparency. */
export interface Planes {
  width: number;
  height: number;
  data: Float32Array;
}

/** {@link Planes} of a picture. Transparency is ignored, as diffusers ignores it, unless `all` of its channels count. */
export function fromPixels({ width, height, channels, data }: Pixels, all = false): Planes {
  const n = width * height;
  const count = all ? channels : 3;
  const planes = new Float32Array(count * n);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < count; c++) planes[c * n + i] = Math.fround(data[i * channels + c]! / 255) * 2 - 1;
  }
  return { width, height, data: planes };
}

/** A picture with grey in place of what the mask covers (luminance of at least one half), both of the same size. */
export function maskedPicture(image: Pixels, mask: Pixels): Planes {
  const planes = fromPixels(image);
  const covered = toLatentMask(mask, 1);
  const { length } = covered;
  return { ...planes, data: planes.data.map((value, i) => (covered[i % length] === 1 ? 0 : value)) };
}

/**
 * A mask at the latents' size `[height / scale, width / scale]`: 1 where to paint (luminance of at least one half), else
 * 0. Each value is that of the top left pixel of its square, as torch's nearest interpolation takes it; or, of `squares` in the middle, the mean of the
 * four pixels around it, as its bilinear one.
 */
export function toLatentMask(
  { width, height, channels, data }: Pixels,
  scale: number,
  squares: Traits["maskSquares"] = "first",
): Float32Array {
  const [w, h] = [width / scale, height / scale];
  const mask = new Float32Array(w * h);
  const covers = (x: number, y: number): number => {
    const at = (y * width + x) * channels;
    // ITU-R 601 luma in Pillow's whole numbers.
    return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 32768) >> 16 >= 128 ? 1 : 0;
  };
  // Sides of squares are even, so that a middle lies between two pixels.
  const offsets = squares === "middle" && scale > 1 ? [scale / 2 - 1, scale / 2] : [0];
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const found = offsets.flatMap((dy) => offsets.map((dx) => covers(x * scale + dx, y * scale + dy)));
      mask[y * w + x] = found.reduce((sum, each) => sum + each, 0) / found.length;
    }
  return mask;
}
