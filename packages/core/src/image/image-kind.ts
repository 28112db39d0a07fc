/** Kinds of image files that are decoded; nothing else is ever given to a decoder. */
export const imageKinds = ["png", "jpeg", "webp", "gif", "avif", "tiff"] as const;
/** `"png"`, `"jpeg"`, `"webp"`, `"gif"`, `"avif"` or `"tiff"`. */
export type ImageKind = (typeof imageKinds)[number];

type Test = (head: string) => boolean;
const begins = (...signs: string[]): Test => {
  return (head) => signs.some((sign) => head.startsWith(sign));
};
const matches = (pattern: RegExp): Test => {
  return (head) => pattern.test(head);
};
const brands = (...names: string[]): Test => {
  // ISO/IEC 14496-12, section 4.3: the file type box has a major brand, its version, and the compatible brands.
  return (head) =>
    head.startsWith("ftyp", 4) &&
    [8, ...Array.from({ length: 16 }, (_, i) => 16 + i * 4)].some((at) => names.includes(head.slice(at, at + 4)));
};

const signatures: readonly (readonly [ImageKind, Test])[] = [
  ["png", begins("\x89PNG\r\n\x1a\n")],
  ["jpeg", begins("\xff\xd8\xff")],
  ["gif", begins("GIF87a", "GIF89a")],
  ["webp", (head) => head.startsWith("RIFF") && head.startsWith("WEBP", 8)],
  ["avif", brands("avif", "avis")],
  ["tiff", begins("II*\0", "II+\0", "MM\0*", "MM\0+")],
];

/** Kinds that people give by mistake, for the error. */
const others: readonly (readonly [string, Test])[] = [
  ["an SVG file", matches(/^(?:\xef\xbb\xbf)?\s*(?:<[?!].*)?<(?:\w{1,20}:)?svg[\s/>]/is)],
  ["a HEIC file", brands("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")],
  ["a JPEG XL file", begins("\xff\x0a", "\0\0\0\x0cJXL ")],
  ["a JPEG 2000 file", begins("\0\0\0\x0cjP  ", "\xff\x4f\xff\x51")],
  ["a PDF file", begins("%PDF-")],
  ["a BMP file", matches(/^BM.{4}\0\0\0\0/s)],
  ["an icon file", begins("\0\0\x01\0", "\0\0\x02\0")],
  ["a Photoshop file", begins("8BPS")],
  ["an OpenEXR file", begins("v/1\x01")],
  ["a Radiance HDR file", begins("#?RADIANCE", "#?RGBE")],
  ["a PostScript file", begins("%!PS")],
  ["a gzip file", begins("\x1f\x8b")],
  ["a ZIP file", begins("PK\x03\x04")],
  ["a Git LFS pointer, not the file itself", begins("version https://git-lfs")],
  ["an HTML page", matches(/^\s*<(?:!DOCTYPE html|html)[\s>]/i)],
  ["an XML file", matches(/^(?:\xef\xbb\xbf)?\s*<\?xml/)],
];

/** As many bytes as signatures are looked for in. */
const headBytes = 1024;

/** What an image file is, by its first bytes; undefined for all that is not decoded. */
export function imageKindOf(bytes: Uint8Array): ImageKind | undefined {
  const head = headOf(bytes);
  return signatures.find(([, test]) => test(head))?.[0];
}

/** What a file that is not decoded seems to be, in words: `"an SVG file"`. */
export function describeOtherKind(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const head = headOf(bytes);
  return others.find(([, test]) => test(head))?.[0] ?? "not an image file";
}

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(headBytes, bytes.length)).toString("latin1");
}
