import type { CallInputs, ImageSource } from "@latentkit/core";

/** Makes other bytes of an image's file, such as its inverse. */
export type FileTransform = (bytes: Uint8Array, signal: AbortSignal, inputs: CallInputs) => Promise<Uint8Array>;

/** A place in a model's input where a file belongs that is not uploaded yet. */
export class FileSlot {
  readonly source: ImageSource;
  /** The request's field, for errors. */
  readonly field: string;
  readonly transform: FileTransform | undefined;

  constructor(source: ImageSource, field: string, transform?: FileTransform) {
    this.source = source;
    this.field = field;
    this.transform = transform;
  }
}
