import { ImageError } from "../errors/image-error.ts";
import { inputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";

/** An error of an input picture with the file or address that it is about; any other error as it is. */
export function namingInput(error: unknown, request: GenerationRequest): unknown {
  if (!ImageError.isInstance(error)) return error;
  const input = inputFiles(request).find(({ field }) => field === error.details.field);
  if (input === undefined || "base64" in input.source) return error;
  const { field, source } = input;
  // A query may hold a signature: it is no part of a message.
  const place = "path" in source ? source.path : "url" in source ? source.url.replace(/[?#].*$/, "") : undefined;
  if (place === undefined || error.message.includes(place) || !error.message.startsWith(`${field}: `)) return error;
  const { cause, details, retryable, backend } = error;
  const message = `${field}: ${place}: ${error.message.slice(field.length + 2)}`;
  return new ImageError(message, { cause, details, retryable, ...(backend === undefined ? {} : { backend }) });
}
