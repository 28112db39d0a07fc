import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { ImageError, InvalidRequestError } from "@latentkit/core";

/** Media types by the first bytes of a file. */
const signatures: readonly (readonly [string, RegExp])[] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[\s\S]{4}WEBP/],
  ["image/avif", /^[\s\S]{4}ftypavi[fs]/],
  ["image/heic", /^[\s\S]{4}ftyp(heic|heix|mif1)/],
  ["image/tiff", /^(II\*|MM.\*)/],
  ["image/bmp", /^BM/],
  ["image/svg+xml", /^\s*(<\?xml[\s\S]*)?<svg/i],
];

/** The media type that a file's first bytes tell; undefined where they are no image's. */
export function sniffImage(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 256)).toString("latin1");
  return signatures.find(([, pattern]) => pattern.test(head))?.[0];
}

/**
 * Size and type of an image file, without reading it whole.
 *
 * @throws InvalidRequestError when it does not exist, ImageError when it is no image.
 */
export async function inspectFile(path: string, field: string): Promise<{ bytes: number; mediaType: string }> {
  try {
    const { size } = await stat(path);
    await using file = await open(path);
    const head = Buffer.alloc(Math.min(256, size));
    await file.read(head, 0, head.length, 0);
    return { bytes: size, mediaType: imageType(head, field) };
  } catch (cause) {
    if (ImageError.isInstance(cause)) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const message = `${missing ? "there is no such file" : "the file cannot be read"}: ${path}`;
    throw new InvalidRequestError([{ field, message }], { cause });
  }
}

/** @throws ImageError when the bytes are no image file. */
export function imageType(bytes: Uint8Array, field: string): string {
  const type = sniffImage(bytes);
  if (type === undefined)
    throw new ImageError(`${field}: the file is no image; it must be a PNG, JPEG, WebP, GIF, AVIF or TIFF file.`);
  return type;
}

/**
 * Holds a file against its promised hash, without reading it whole into memory.
 *
 * @throws InvalidRequestError when it is another file.
 */
export async function checkHash({ path, sha256 }: { path: string; sha256?: string | undefined }, field: string) {
  if (sha256 === undefined) return;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  if (hash.digest("hex") !== sha256)
    throw new InvalidRequestError([
      { field, message: "the image is not the one that the recipe was made with (its SHA-256 differs)" },
    ]);
}
