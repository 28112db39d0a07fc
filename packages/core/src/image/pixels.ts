/** Decoded 8-bit samples, `[height, width, channels]`. */
export interface Pixels {
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** 3 is RGB, 4 is RGBA. */
  channels: 3 | 4;
  /** The samples, 0 to 255, `height × width × channels` of them. */
  data: Uint8Array;
}
