import { decodeImage, encodeImage, type Pixels } from "@latentkit/core";
import type { FileTransform } from "./file-slot.ts";

/** Borders to add around a picture, in pixels. */
export interface Borders {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** White becomes black: for models whose masks are the other way round. */
export const invertMask: FileTransform = async (bytes) => {
  const pixels = await decodeImage(bytes, "mask");
  const { channels } = pixels;
  const data = pixels.data.map((value, i) => (channels === 4 && i % 4 === 3 ? value : 255 - value));
  return encodeImage({ ...pixels, data }, "png");
};

/** The picture on a larger canvas, its edge pixels drawn out over the new border. */
export function padImage({ left, right, top, bottom }: Borders): FileTransform {
  return async (bytes) => {
    const from = await decodeImage(bytes, "image");
    const width = from.width + left + right;
    const height = from.height + top + bottom;
    const data = new Uint8Array(width * height * from.channels);
    for (let y = 0; y < height; y++) {
      const fromY = clamp(y - top, from.height - 1);
      for (let x = 0; x < width; x++) {
        const at = (fromY * from.width + clamp(x - left, from.width - 1)) * from.channels;
        data.set(from.data.subarray(at, at + from.channels), (y * width + x) * from.channels);
      }
    }
    return encodeImage({ ...from, width, height, data }, "png");
  };
}

/** The mask of {@link padImage}: white over the border, black over the picture, `feather` pixels of ramp inside it. */
export function borderMask(borders: Borders, feather: number): FileTransform {
  return async (bytes) => {
    const from = await decodeImage(bytes, "image");
    const width = from.width + borders.left + borders.right;
    const height = from.height + borders.top + borders.bottom;
    const mask: Pixels = { width, height, channels: 3, data: new Uint8Array(width * height * 3) };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const depth = depthInside(x, y, from, borders);
        const value = depth < 0 ? 255 : depth < feather ? Math.round(255 * (1 - (depth + 1) / (feather + 1))) : 0;
        mask.data.fill(value, (y * width + x) * 3, (y * width + x + 1) * 3);
      }
    }
    return encodeImage(mask, "png");
  };
}

/** How deep a pixel lies inside the old picture, seen from the sides that grow; negative on the border. */
function depthInside(x: number, y: number, { width, height }: Pixels, { left, right, top, bottom }: Borders): number {
  const sides: [number, number][] = [
    [left, x - left],
    [right, left + width - 1 - x],
    [top, y - top],
    [bottom, top + height - 1 - y],
  ];
  const depths = sides.filter(([grows, depth]) => grows > 0 || depth < 0).map(([, depth]) => depth);
  return Math.min(...depths);
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
