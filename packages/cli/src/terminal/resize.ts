import type { Pixels } from "@latentkit/core";

/** Width and height. */
export interface Size {
  width: number;
  height: number;
}

/** The largest size of the same shape inside `room`, never larger than the picture. */
export function fit({ width, height }: Size, room: Size): Size {
  const factor = Math.min(1, room.width / width, room.height / height);
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** RGB samples `[height, width, 3]` at another size: each is the mean of the area it covers, over black where clear. */
export function resize({ width, height, channels, data }: Pixels, to: Size): Uint8Array {
  const out = new Uint8Array(to.width * to.height * 3);
  for (let y = 0; y < to.height; y++) {
    const [top, bottom] = span(y, to.height, height);
    for (let x = 0; x < to.width; x++) {
      const [left, right] = span(x, to.width, width);
      const sum = [0, 0, 0];
      for (let v = top; v < bottom; v++) {
        for (let u = left; u < right; u++) {
          const at = (v * width + u) * channels;
          const alpha = channels === 4 ? data[at + 3]! / 255 : 1;
          for (let c = 0; c < 3; c++) sum[c]! += data[at + c]! * alpha;
        }
      }
      const area = (bottom - top) * (right - left);
      for (let c = 0; c < 3; c++) out[(y * to.width + x) * 3 + c] = Math.round(sum[c]! / area);
    }
  }
  return out;
}

/** The samples that output sample `i` of `to` covers. */
function span(i: number, to: number, from: number): [number, number] {
  const start = Math.floor((i * from) / to);
  return [start, Math.max(start + 1, Math.floor(((i + 1) * from) / to))];
}
