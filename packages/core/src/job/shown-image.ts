import type { ControlEvent, GenerationEvent, ImageEvent, PreviewEvent } from "../events.ts";
import type { Bytes, FileOptions, ImageFile, ResponseOptions } from "../image/image-file.ts";
import type { ImagePayload } from "../image-payload.ts";
import type { ImageFormat } from "../request/shared-fields.ts";

/** A picture in an event: the backend's payload, whose fields it has, and the means to show it at once. JSON keeps the payload alone. */
export type ShownImage = ImagePayload &
  ImageFile & {
    /** The picture as the backend handed it over: plain data. */
    readonly payload: ImagePayload;
  };

/** A {@link PreviewEvent} as a job tells it: `event.image.dataUrl("jpeg")` can be shown at once. */
export type ShownPreviewEvent = Omit<PreviewEvent, "image"> & { image: ShownImage };
/** A {@link ControlEvent} as a job tells it. */
export type ShownControlEvent = Omit<ControlEvent, "image"> & { image: ShownImage };
/** An {@link ImageEvent} as a job tells it: `event.image.toResponse()`, `event.image.dataUrl()`; a PNG carries its recipe. */
export type ShownImageEvent = Omit<ImageEvent, "image"> & { image: ShownImage };

/** An event as a job tells it to its readers. JSON of it is the backend's own event. */
export type JobEvent =
  | Exclude<GenerationEvent, ImageEvent | PreviewEvent | ControlEvent>
  | ShownPreviewEvent
  | ShownControlEvent
  | ShownImageEvent;

/** The payload with a picture's methods, which stand on the prototype: spreading, cloning and JSON see plain data. */
class Shown implements ImageFile {
  readonly #file: ImageFile;
  readonly #payload: ImagePayload;

  constructor(payload: ImagePayload, file: ImageFile) {
    this.#file = file;
    this.#payload = payload;
    Object.assign(this, payload);
  }

  get payload(): ImagePayload {
    return this.#payload;
  }

  bytes(format?: ImageFormat, options?: FileOptions): Promise<Bytes> {
    return this.#file.bytes(format, options);
  }

  blob(format?: ImageFormat, options?: FileOptions): Promise<Blob> {
    return this.#file.blob(format, options);
  }

  dataUrl(format?: ImageFormat, options?: FileOptions): Promise<string> {
    return this.#file.dataUrl(format, options);
  }

  toResponse(options?: ResponseOptions): Promise<Response> {
    return this.#file.toResponse(options);
  }
}

/** A payload that can be shown. */
export function showImage(payload: ImagePayload, file: ImageFile): ShownImage {
  return new Shown(payload, file) as unknown as ShownImage;
}
