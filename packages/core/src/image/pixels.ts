/** Decoded 8-bit samples, `[height, width, channels]`. */
export interface Pixels {
  width: number;
  height: number;
  /** 3 is RGB, 4 is RGBA. */
  channels: 3 | 4;
  data: Uint8Array;
}
