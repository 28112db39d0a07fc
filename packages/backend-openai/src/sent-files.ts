import {
  type CallOptions,
  decodeImage,
  encodeImage,
  type ImageSource,
  InvalidRequestError,
  loadImageSource,
  probeImage,
  resizeImage,
} from "@latentkit/core";
import { backendId } from "./openai-options.ts";

/** A file of a form. */
export interface SentFile {
  /** The form's field. */
  name: string;
  bytes: Uint8Array;
  mediaType: string;
}

const taken = new Set(["image/png", "image/jpeg", "image/webp"]);
const [maxPicture, maxMask] = [50e6, 4 * 2 ** 20];

/** An input picture as OpenAI takes it: a PNG, JPEG or WebP file as it is, another kind as PNG. */
export async function pictureFile(
  source: ImageSource,
  field: string,
  name: string,
  { signal, inputs = {} }: CallOptions,
): Promise<SentFile> {
  const { maxPixels, ...rules } = inputs;
  const bytes = await loadImageSource(source, { ...rules, field, signal });
  const { mediaType } = await probeImage(bytes, field, maxPixels);
  if (!taken.has(mediaType)) {
    const pixels = await decodeImage(bytes, field, { maxPixels, signal });
    return { name, bytes: await encodeImage(pixels, "png"), mediaType: "image/png" };
  }
  if (bytes.length > maxPicture)
    throw new InvalidRequestError([{ field, message: `has ${bytes.length} bytes; OpenAI takes less than 50 MB` }], {
      backend: backendId,
    });
  return { name, bytes, mediaType };
}

/**
 * A mask as OpenAI reads it: transparent where it is painted anew, ours being white there. The colours stay, for servers of its dialect that
 * look at those. It has the picture's own size.
 */
export async function maskFile(
  source: ImageSource,
  picture: SentFile,
  { signal, inputs = {} }: CallOptions,
): Promise<SentFile> {
  const { maxPixels, ...rules } = inputs;
  const decode = (bytes: Uint8Array, what: string) => decodeImage(bytes, what, { maxPixels, signal });
  const { width, height } = await decode(picture.bytes, "image");
  const own = await decode(await loadImageSource(source, { ...rules, field: "mask", signal }), "mask");
  const mask = own.width === width && own.height === height ? own : await resizeImage(own, width, height);
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const value = grey(mask.data, i * mask.channels);
    data.fill(value, i * 4, i * 4 + 3);
    // It is all or nothing there: a JPEG's nearly white is white.
    data[i * 4 + 3] = value < 128 ? 255 : 0;
  }
  const bytes = await encodeImage({ width, height, channels: 4, data }, "png");
  if (bytes.length > maxMask)
    throw new InvalidRequestError(
      [{ field: "mask", message: "is more than 4 MB as PNG; OpenAI takes no larger one" }],
      {
        backend: backendId,
      },
    );
  return { name: "mask", bytes, mediaType: "image/png" };
}

/** ITU-R BT.601 luma. */
function grey(data: Uint8Array, at: number): number {
  return Math.round(0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!);
}
