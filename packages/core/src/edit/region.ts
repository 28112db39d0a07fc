import type { Pixels } from "../image/codec.ts";

/** A rectangle of a picture, in pixels. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Size {
  width: number;
  height: number;
}

/** The smallest rectangle around all that a mask doesn't leave black; undefined where it is all black. */
export function regionOf(flat: Uint8Array, { width, height }: Size): Region | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (flat[i] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? undefined : { left, top, width: right + 1 - left, height: bottom + 1 - top };
}

/** A region with `padding` around it, in the shape of `like`, as far as the picture goes. */
export function withContext(region: Region, padding: number, within: Size, like: Size): Region {
  const [w, h] = [region.width + 2 * padding, region.height + 2 * padding];
  const ratio = like.width / like.height;
  const wide = w / h < ratio ? { width: h * ratio, height: h } : { width: w, height: w / ratio };
  const across = fitted(region.left + region.width / 2, wide.width, within.width);
  const down = fitted(region.top + region.height / 2, wide.height, within.height);
  return { left: across.from, top: down.from, width: across.length, height: down.length };
}

/** A stretch around a middle, moved into a line, or all of it. */
function fitted(middle: number, wanted: number, side: number): { from: number; length: number } {
  const length = Math.min(side, Math.round(wanted));
  return { from: Math.min(side - length, Math.max(0, Math.round(middle - length / 2))), length };
}

/** A picture's part. */
export function cutRegion({ width: full, channels, data }: Pixels, { left, top, width, height }: Region): Pixels {
  const rows = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * full + left) * channels;
    rows.set(data.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, data: rows };
}

/** A picture with another one in the place of a region; both without transparency. */
export function withRegion(whole: Pixels, part: Pixels, { left, top }: Region): Pixels {
  const data = Uint8Array.from(whole.data);
  const { width: full, channels } = whole;
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const [to, from] = [((top + y) * full + left + x) * channels, (y * part.width + x) * part.channels];
      for (let c = 0; c < 3; c++) data[to + c] = part.data[from + c]!;
    }
  }
  return { ...whole, data };
}

/** A box as a mask of one byte a pixel. */
export function boxMask({ left, top, width, height }: Region, within: Size): Uint8Array {
  const flat = new Uint8Array(within.width * within.height);
  for (let y = Math.max(0, top); y < Math.min(within.height, top + height); y++)
    flat.fill(255, y * within.width + Math.max(0, left), y * within.width + Math.min(within.width, left + width));
  return flat;
}
