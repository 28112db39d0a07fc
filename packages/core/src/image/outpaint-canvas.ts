import type { Pixels } from "./codec.ts";

/** Borders to add around a picture, in pixels. */
export interface Borders {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The picture on a larger canvas, its edge pixels drawn out over the new border. */
export function padPixels(from: Pixels, { left, right, top, bottom }: Borders): Pixels {
  const { channels } = from;
  const width = from.width + left + right;
  const height = from.height + top + bottom;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const fromY = clamp(y - top, from.height - 1);
    for (let x = 0; x < width; x++) {
      const at = (fromY * from.width + clamp(x - left, from.width - 1)) * channels;
      for (let c = 0; c < channels; c++) data[(y * width + x) * channels + c] = from.data[at + c]!;
    }
  }
  return { width, height, channels, data };
}

/**
 * The mask that goes with {@link padPixels}: white over the border, black over the picture, with `feather` pixels of ramp inside the
 * picture along the sides that grow.
 */
export function borderMask(from: { width: number; height: number }, borders: Borders, feather: number): Pixels {
  const width = from.width + borders.left + borders.right;
  const height = from.height + borders.top + borders.bottom;
  const data = new Uint8Array(width * height * 3);
  const across = depths(from.width, borders.left, borders.right);
  const down = depths(from.height, borders.top, borders.bottom);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const depth = Math.min(across[x]!, down[y]!);
      const value = depth < 0 ? 255 : depth < feather ? Math.round(255 * (1 - (depth + 1) / (feather + 1))) : 0;
      data.fill(value, (y * width + x) * 3, (y * width + x + 1) * 3);
    }
  }
  return { width, height, channels: 3, data };
}

/** The part of a picture from its top left corner. */
export function cropPixels({ width: full, channels, data }: Pixels, width: number, height: number): Pixels {
  const rows = Array.from({ length: height }, (_, y) =>
    data.subarray(y * full * channels, (y * full + width) * channels),
  );
  return { width, height, channels, data: new Uint8Array(Buffer.concat(rows)) };
}

/** How deep each column (or row) lies inside the old picture, seen from the sides that grow; negative on the border. */
function depths(length: number, before: number, after: number): number[] {
  return Array.from({ length: before + length + after }, (_, i) =>
    Math.min(
      before > 0 ? i - before : Number.POSITIVE_INFINITY,
      after > 0 ? before + length - 1 - i : Number.POSITIVE_INFINITY,
    ),
  );
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
