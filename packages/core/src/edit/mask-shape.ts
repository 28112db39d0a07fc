import type { Pixels } from "../image/codec.ts";
import { pauser, resizeImage } from "../image/resize.ts";

/** How a mask is changed before it is used. */
export interface MaskShape {
  /** Pixels that its white grows by on each side; what is below 0 makes it smaller. */
  maskGrow: number;
  /** Standard deviation of the blur over its edge, in pixels. */
  maskBlur: number;
}

/** A mask's luminance at a picture's size, one byte a pixel: grown, then blurred. */
export async function shapedMask(
  mask: Pixels,
  { width, height }: { width: number; height: number },
  { maskGrow, maskBlur }: MaskShape,
): Promise<Uint8Array> {
  const sized = mask.width === width && mask.height === height ? mask : await resizeImage(mask, width, height);
  const { channels, data } = sized;
  let flat = Uint8Array.from({ length: width * height }, (_, i) => luma(data, i * channels));
  if (maskGrow !== 0) flat = await grown(flat, width, height, maskGrow);
  return maskBlur > 0 ? blurred(flat, width, height, maskBlur) : flat;
}

/** A mask of one byte a pixel as a picture. */
export function maskPixels(flat: Uint8Array, width: number, height: number): Pixels {
  const data = new Uint8Array(3 * flat.length);
  for (let i = 0; i < flat.length; i++) data.fill(flat[i]!, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data };
}

/** ITU-R 601 luma in Pillow's whole numbers. */
function luma(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 32768) >> 16;
}

/** Each pixel the lightest (or, where it shrinks, the darkest) of a square around it, columns first and then rows. */
async function grown(flat: Uint8Array, width: number, height: number, by: number): Promise<Uint8Array<ArrayBuffer>> {
  const pick = by > 0 ? Math.max : Math.min;
  const reach = Math.abs(by);
  const queue = new Int32Array(Math.max(width, height));
  // The places of a window that may yet be its best, the best first (Lemire 2006).
  return overLines(flat, width, height, (at, put, count) => {
    let [head, tail] = [0, 0];
    for (let i = 0; i < count + reach; i++) {
      if (i < count) {
        while (tail > head && pick(at(queue[tail - 1]!), at(i)) === at(i)) tail--;
        queue[tail++] = i;
      }
      const middle = i - reach;
      if (middle < 0) continue;
      while (queue[head]! < middle - reach) head++;
      put(middle, at(queue[head]!));
    }
  });
}

/** By a Gaussian out to two and a half deviations, the edge's pixels going on beyond it. */
async function blurred(
  flat: Uint8Array,
  width: number,
  height: number,
  deviation: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reach = Math.max(1, Math.round(2.5 * deviation));
  const falls = (i: number) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2));
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => falls(i));
  const total = kernel.reduce((sum, value) => sum + value, 0);
  return overLines(flat, width, height, (at, put, count) => {
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = -reach; k <= reach; k++) sum += kernel[k + reach]! * at(Math.min(count - 1, Math.max(0, i + k)));
      put(i, sum / total);
    }
  });
}

type Line = (at: (i: number) => number, put: (i: number, value: number) => void, count: number) => void;

/** Something done to each row, and then to each column of that. */
async function overLines(
  flat: Uint8Array,
  width: number,
  height: number,
  line: Line,
): Promise<Uint8Array<ArrayBuffer>> {
  const pause = pauser();
  const [wide, whole] = [new Float32Array(flat.length), new Float32Array(flat.length)];
  for (let y = 0; y < height; y++) {
    const start = y * width;
    line(
      (i) => flat[start + i]!,
      (i, value) => {
        wide[start + i] = value;
      },
      width,
    );
    await pause();
  }
  for (let x = 0; x < width; x++) {
    line(
      (i) => wide[x + i * width]!,
      (i, value) => {
        whole[x + i * width] = value;
      },
      height,
    );
    await pause();
  }
  return Uint8Array.from(whole, (value) => Math.round(value));
}
