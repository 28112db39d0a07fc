import { ImageError } from "../errors/image-error.ts";
import { type ImageHeader, readImageHeader } from "./image-header.ts";
import { describeOtherKind, imageKindOf, imageKinds } from "./image-kind.ts";

/** More pixels than this in an input picture are refused before it is decoded, unless `maxInputPixels` says otherwise. */
export const defaultMaxInputPixels = 64_000_000;
/** As many pixels as a finished picture may have: 16384 × 16384. */
export const maxOutputPixels = 2 ** 28;
/** No side may be longer, whatever the number of pixels. */
export const maxInputSide = 32_768;

const taken = "PNG, JPEG, WebP, GIF, AVIF or TIFF file";

/**
 * Holds a picture's header against what is decoded: its kind, its sides and its pixels.
 *
 * @throws ImageError naming the field, the kind and the limit.
 */
export function checkImage(bytes: Uint8Array, what: string, maxPixels = defaultMaxInputPixels): ImageHeader {
  const kind = imageKindOf(bytes);
  if (kind === undefined) throw refusedKind(bytes, what);
  const header = readImageHeader(bytes);
  const details = { field: what, kind };
  if (header === undefined)
    throw new ImageError(`${what}: the ${label(kind)} file's header is damaged or cut off.`, { details });
  const { width, height } = header;
  const known = { ...details, width, height, maxPixels };
  if (width > maxInputSide || height > maxInputSide)
    throw new ImageError(
      `${what}: the ${label(kind)} file is ${width}×${height}; each side may be up to ${maxInputSide} pixels.`,
      { details: known },
    );
  if (width * height > maxPixels)
    throw new ImageError(
      `${what}: the ${label(kind)} file is ${width}×${height}, ${megapixels(width * height)} megapixels; ` +
        `at most ${megapixels(maxPixels)} are taken (the client's maxInputPixels).`,
      { details: known },
    );
  return header;
}

/** The kind in words: `"PNG"`. */
export function label(kind: (typeof imageKinds)[number]): string {
  return kind === "webp" ? "WebP" : kind.toUpperCase();
}

function refusedKind(bytes: Uint8Array, what: string): ImageError {
  const kind = describeOtherKind(bytes);
  const details = { field: what, kind, allowed: [...imageKinds] };
  const hint =
    kind === "an SVG file"
      ? "SVG is not taken, as it can name other files and take any time to draw: rasterise it first, such as by sharp(svg).png().toBuffer()"
      : `it must be a ${taken}`;
  return new ImageError(`${what}: this is ${kind}; ${hint}.`, { details });
}

function megapixels(pixels: number): string {
  return String(Math.round(pixels / 10_000) / 100);
}
