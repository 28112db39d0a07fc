import type { ImageSource } from "../request/image-source.ts";
import { decodeImage, type Pixels } from "./codec.ts";
import type { CallInputs } from "./input-rules.ts";
import { loadImageSource } from "./load-image-source.ts";

/** A request's input picture, without its transparency. @throws InvalidRequestError, ImageError naming the field. */
export async function readInput(
  source: ImageSource,
  field: string,
  { inputs = {}, signal }: { inputs?: CallInputs | undefined; signal: AbortSignal },
): Promise<Pixels> {
  const { maxPixels, timeoutMs } = inputs;
  const bytes = await loadImageSource(source, { ...inputs, field, signal });
  return decodeImage(bytes, field, { maxPixels, timeoutMs, signal, opaque: true });
}
