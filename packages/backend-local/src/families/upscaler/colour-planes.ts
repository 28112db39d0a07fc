import type { Pixels } from "@latentkit/core";

/** A picture's planes `[3, height, width]` in 0 to 1. */
export interface ColourPlanes {
  width: number;
  height: number;
  data: Float32Array;
}

/** A picture's colours; its transparency is left out. */
export function toColours({ width, height, channels, data }: Pixels): ColourPlanes {
  const n = width * height;
  const planes = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) planes[c * n + i] = data[i * channels + c]! / 255;
  return { width, height, data: planes };
}

/** The picture again, rounded half to even; what is outside of 0 to 1 is clipped. */
export function fromColours({ width, height, data }: ColourPlanes): Pixels {
  const n = width * height;
  const rgb = new Uint8ClampedArray(3 * n);
  for (let i = 0, to = 0; i < n; i++) for (let c = 0; c < 3; c++) rgb[to++] = data[c * n + i]! * 255;
  return { width, height, channels: 3, data: new Uint8Array(rgb.buffer) };
}
