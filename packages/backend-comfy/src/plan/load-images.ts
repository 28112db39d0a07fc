import {
  type CallInputs,
  decodeImage,
  type GenerationRequest,
  ImageError,
  type ImageSource,
  InvalidRequestError,
  loadImageSource,
  probeImage,
  sha256,
} from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";

/** An input image read into memory, under the name it will have on the server. */
export interface LocalImage {
  field: string;
  bytes: Uint8Array;
  mediaType: string;
  /** Name in the server's input folder, made from the content's hash: the same picture is stored once. */
  name: string;
  width: number;
  height: number;
}

/** Folder below the server's input folder. */
export const uploadFolder = "latentkit";

/**
 * Reads every image of a request.
 *
 * @throws InvalidRequestError when one does not exist, is no image, or is larger than `maxBytes`.
 */
export async function loadImages(
  request: GenerationRequest,
  maxBytes: number,
  signal: AbortSignal,
  inputs: CallInputs = {},
): Promise<Map<string, LocalImage>> {
  const images = new Map<string, LocalImage>();
  for (const [field, source] of imageFields(request))
    images.set(field, await load(field, source, maxBytes, signal, inputs));
  return images;
}

/** One image, by its request field. */
export async function load(
  field: string,
  source: ImageSource,
  maxBytes: number,
  signal: AbortSignal,
  inputs: CallInputs = {},
): Promise<LocalImage> {
  const { maxPixels, timeoutMs } = inputs;
  const limit = Math.min(maxBytes, inputs.maxBytes ?? maxBytes);
  const bytes = await loadImageSource(source, { ...inputs, field, maxBytes: limit, signal }).catch((cause: unknown) => {
    throw InvalidRequestError.isInstance(cause)
      ? new InvalidRequestError(cause.issues, comfyDetails({ cause }))
      : cause;
  });
  const probed = await probeImage(bytes, field, maxPixels).catch((cause: unknown) => {
    const message = ImageError.isInstance(cause)
      ? cause.message.replace(`${field}: `, "").replace(/\.$/, "")
      : "cannot be read";
    throw new InvalidRequestError([{ field, message }], comfyDetails({ cause }));
  });
  const extension = probed.mediaType.replace("image/", "").replace("jpeg", "jpg");
  const name = `${uploadFolder}/${sha256(bytes).slice(0, 32)}.${extension}`;
  // A camera's picture may lie on its side; the server turns it upright, so that its sides change places.
  const { width, height } =
    probed.mediaType === "image/jpeg" ? await decodeImage(bytes, field, { maxPixels, timeoutMs, signal }) : probed;
  return { field, bytes, mediaType: probed.mediaType, name, width, height };
}

function imageFields(request: GenerationRequest): [string, ImageSource][] {
  const fields: [string, ImageSource][] = [];
  if ("image" in request && request.image !== undefined) fields.push(["image", request.image]);
  if ("mask" in request) fields.push(["mask", request.mask]);
  for (const [i, entry] of request.conditioning.entries()) {
    if ("image" in entry) fields.push([`conditioning[${i}].image`, entry.image]);
  }
  return fields;
}
