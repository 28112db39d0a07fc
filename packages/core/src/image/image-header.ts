import { type ImageKind, imageKindOf } from "./image-kind.ts";

/** What the header of an image file says: pixels as stored, before its EXIF orientation is applied. */
export interface ImageHeader {
  kind: ImageKind;
  width: number;
  height: number;
}

interface Size {
  width: number;
  height: number;
}

/**
 * Reads kind and size from a file's header, in time that is linear in the header's length; nothing is decoded or inflated.
 *
 * @returns undefined where the bytes are of no kind that is decoded, or its header is cut off or makes no sense.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const kind = imageKindOf(bytes);
  if (kind === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const size = readers[kind](view);
    if (size === undefined || size.width < 1 || size.height < 1) return undefined;
    return { kind, width: size.width, height: size.height };
  } catch (error) {
    // A read beyond the end: the header is cut off.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const readers: Readonly<Record<ImageKind, (view: DataView) => Size | undefined>> = {
  /** PNG specification, third edition, section 11.2.1: IHDR comes first. */
  png: (view) => (text(view, 12, 4) === "IHDR" ? { width: view.getUint32(16), height: view.getUint32(20) } : undefined),
  /** GIF89a, section 18: the logical screen. */
  gif: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  jpeg: readJpeg,
  webp: readWebp,
  avif: readAvif,
  tiff: readTiff,
};

/** ITU-T T.81, annex B: the first start-of-frame segment has the size. */
function readJpeg(view: DataView): Size | undefined {
  for (let at = 2; ; ) {
    const marker = view.getUint8(at + 1);
    // As decoders do: what stands between two segments is passed over, and a marker may begin with several 0xff.
    if (view.getUint8(at) !== 0xff || marker === 0xff || marker === 0) at++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (marker === 0xd9 || marker === 0xda) return undefined;
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    else at += 2 + Math.max(2, view.getUint16(at + 2));
  }
}

/** RFC 9649, sections 2.5 to 2.7. */
function readWebp(view: DataView): Size | undefined {
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (text(view, 12, 4)) {
    case "VP8X":
      return { width: uint24(24) + 1, height: uint24(27) + 1 };
    case "VP8L": {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "VP8 ":
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    default:
      return undefined;
  }
}

/** TIFF 6.0, section 2 (and BigTIFF): tags 256 and 257 of the first directory, which is the page that is decoded. */
function readTiff(view: DataView): Size | undefined {
  const little = view.getUint8(0) === 0x49;
  const big = view.getUint16(2, little) === 43;
  const long = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const directory = long(big ? 8 : 4);
  const count = big ? Math.min(long(directory), 65_535) : view.getUint16(directory, little);
  const [entry, head] = big ? [20, 8] : [12, 2];
  const found: Record<number, number> = {};
  for (let i = 0; i < count; i++) {
    const at = directory + head + i * entry;
    const tag = view.getUint16(at, little);
    if (tag > 257) break;
    const isShort = view.getUint16(at + 2, little) === 3;
    const value = at + (big ? 12 : 8);
    found[tag] = isShort ? view.getUint16(value, little) : long(value);
  }
  const { 256: width, 257: height } = found;
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** ISO/IEC 23008-12, section 6.5.3: of the image spatial extents (a grid's tiles have their own) the largest. */
function readAvif(view: DataView): Size | undefined {
  const meta = boxes(view, 0, view.byteLength).find(({ type }) => type === "meta");
  if (meta === undefined) return undefined;
  const iprp = boxes(view, meta.from + 4, meta.to).find(({ type }) => type === "iprp");
  const ipco = iprp && boxes(view, iprp.from, iprp.to).find(({ type }) => type === "ipco");
  if (ipco === undefined) return undefined;
  const sizes = boxes(view, ipco.from, ipco.to)
    .filter(({ type }) => type === "ispe")
    .map(({ from }) => ({ width: view.getUint32(from + 4), height: view.getUint32(from + 8) }));
  return sizes.sort((a, b) => b.width * b.height - a.width * a.height)[0];
}

/** The boxes of a stretch of an ISO base media file, as far as they make sense; at most 4096 of them. */
function boxes(view: DataView, from: number, to: number): { type: string; from: number; to: number }[] {
  const found: { type: string; from: number; to: number }[] = [];
  for (let at = from; at + 8 <= to && found.length < 4096; ) {
    const size = view.getUint32(at);
    const isLong = size === 1;
    const length = isLong ? Number(view.getBigUint64(at + 8)) : size === 0 ? to - at : size;
    if (length < (isLong ? 16 : 8) || at + length > to) break;
    found.push({ type: text(view, at + 4, 4), from: at + (isLong ? 16 : 8), to: at + length });
    at += length;
  }
  return found;
}

function text(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...Array.from({ length }, (_, i) => view.getUint8(at + i)));
}
