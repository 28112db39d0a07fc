import {
  type CallInputs,
  type DecodeOptions,
  decodeImage,
  type ImageSource,
  InvalidRequestError,
  loadImageSource,
  type Pixels,
} from "@latentkit/core";

/** How a request's picture is read. */
export interface ReadPictureOptions {
  signal: AbortSignal;
  rules?: CallInputs | undefined;
  /** Whether its transparency is dropped. Default true. */
  opaque?: boolean;
  /** What it is resized to; its own size where absent. */
  size?: DecodeOptions["size"];
}

/** A picture that a request's field names, decoded. @throws InvalidRequestError, ImageError naming the field. */
export async function readPicture(
  source: ImageSource,
  field: string,
  { signal, rules = {}, opaque = true, size }: ReadPictureOptions,
): Promise<Pixels> {
  const bytes = await loadImageSource(source, { ...rules, field, signal });
  const { maxPixels, timeoutMs } = rules;
  const options = { maxPixels, timeoutMs, signal, opaque, ...(size && { size }) };
  return decodeImage(bytes, field, options).catch((error: Error) => {
    // A size that was refused is the request's fault, and not the picture's.
    throw InvalidRequestError.isInstance(error.cause) ? error.cause : error;
  });
}
