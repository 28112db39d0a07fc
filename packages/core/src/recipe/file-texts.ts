import { ImageError } from "../errors/image-error.ts";
import { RecipeError } from "../errors/recipe-error.ts";
import { maxOutputPixels } from "../image/input-limits.ts";
import { isPng, readTexts } from "../png/chunks.ts";
import { pngWithoutText } from "../png/without-text.ts";
import { exifTexts } from "./exif-texts.ts";
import { jpegComments } from "./jpeg-comments.ts";

/** Whether the bytes begin as a JPEG or a WebP file does. */
export function isJpegOrWebp(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  return head.startsWith("\u00FF\u00D8\u00FF") || (head.startsWith("RIFF") && head.endsWith("WEBP"));
}

/**
 * The texts of a picture by keyword, as programs write their settings: a PNG's text chunks; of a JPEG or WebP, and of a PNG without such,
 * EXIF's UserComment and what ComfyUI writes into its Make and Model, XMP's `parameters`, and a JPEG's comment.
 *
 * @throws ImageError when the bytes are no such file.
 */
export async function readFileTexts(bytes: Uint8Array): Promise<Map<string, string>> {
  const { texts, unread } = isPng(bytes) ? readTexts(bytes) : { texts: new Map<string, string>(), unread: [] };
  const lost = unread.find((keyword) => keyword === "latentkit" || keyword === "parameters");
  if (lost !== undefined)
    throw new RecipeError(`The PNG's ${lost} text is damaged, or larger than the 16 MB that are read.`);
  if (texts.has("latentkit") || texts.has("parameters")) return texts;
  const { default: sharp } = await import("sharp");
  // A PNG's texts have been read, with their limits: the decoder would inflate them without any.
  const file = isPng(bytes) ? Buffer.concat(pngWithoutText(bytes)) : bytes;
  const { exif, xmp = texts.get(xmpKeyword) } = await sharp(file, { limitInputPixels: maxOutputPixels })
    .metadata()
    .catch((cause: unknown) => {
      throw new ImageError("The picture cannot be read.", { cause });
    });
  const add = (keyword: string, text: string | undefined) => {
    if (text && !texts.has(keyword)) texts.set(keyword, text);
  };
  if (exif !== undefined) for (const [keyword, text] of exifTexts(exif)) add(keyword, text);
  add("parameters", xmpParameters(xmp?.toString()));
  for (const comment of jpegComments(bytes)) add("parameters", comment.replace(/^parameters\0/, ""));
  return texts;
}

/** Under which a PNG keeps its XMP. */
const xmpKeyword = "XML:com.adobe.xmp";

/** sd.cpp's WebP files have it as XML. */
function xmpParameters(xmp: string | undefined): string | undefined {
  if (xmp === undefined) return undefined;
  const open = "<sdcpp:parameters>";
  const begin = xmp.indexOf(open);
  const end = xmp.indexOf("</sdcpp:parameters>", begin);
  if (begin < 0 || end < 0) return undefined;
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return xmp.slice(begin + open.length, end).replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => named[name]!);
}
