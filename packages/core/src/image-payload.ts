/** A finished or preview picture as plain data, the way a backend hands it over. */
export type ImagePayload = PixelsPayload | EncodedPayload | UrlPayload;

/** Raw 8-bit samples, row by row, channels interleaved: `[height, width, channels]`. */
export interface PixelsPayload {
  kind: "pixels";
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** 3 is RGB, 4 is RGBA. */
  channels: 3 | 4;
  /** The samples, `height × width × channels` bytes. */
  base64: string;
}

/** A whole image file. */
export interface EncodedPayload {
  kind: "encoded";
  /** Such as `"image/png"`. */
  mediaType: string;
  /** The file's bytes. */
  base64: string;
}

/** An image that lies on a server; the backend's `fetchImage` brings it. */
export interface UrlPayload {
  kind: "url";
  /** Where it lies; the server may remove it later. */
  url: string;
  /** Such as `"image/webp"`, where the backend knows it. */
  mediaType?: string;
  /** In pixels, where the backend knows it. */
  width?: number;
  /** In pixels, where the backend knows it. */
  height?: number;
  /** In a composition: the members, outermost first, that the URL came through. */
  via?: readonly string[];
  /** When the server removes it, ISO 8601. */
  expiresAt?: string;
}
