import type { ImageFile } from "../image/image-file.ts";

/** A picture as an object whose bytes come later: a `Blob`, a `File`, a `GeneratedImage`, or the picture in a job's event. */
export type ImageObject = Blob | Pick<ImageFile, "bytes" | "dataUrl">;

/** Whether a value is a `Blob` or a `File`, of this or another realm. */
export function isBlob(value: unknown): value is Blob {
  const tag = Object.prototype.toString.call(value);
  return (tag === "[object Blob]" || tag === "[object File]") && typeof (value as Blob).arrayBuffer === "function";
}

/** Whether a value is a generated picture, or the picture in an event. */
export function isImageFile(value: unknown): value is Pick<ImageFile, "bytes" | "dataUrl"> {
  const { bytes, dataUrl } = (value ?? {}) as Partial<ImageFile>;
  return typeof bytes === "function" && typeof dataUrl === "function";
}
