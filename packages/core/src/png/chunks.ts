import { crc32, inflateSync } from "node:zlib";
import { ImageError } from "../errors/image-error.ts";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** All texts of a file together: what lies beyond, once inflated, is left unread. */
const maxTextBytes = 16 * 2 ** 20;
/** Each text that turns out to be too large has been inflated in vain: after so many no other is tried. */
const maxVain = 4;
/** Chunks of a sound file are hundreds of times fewer. */
const maxChunks = 200_000;

interface Chunk {
  type: string;
  data: Uint8Array;
  start: number;
}

/** Whether the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/**
 * The textual chunks (tEXt, zTXt, iTXt) of a PNG by keyword. PNG specification, third edition, section 11.3.3.
 *
 * @throws ImageError when the bytes are not a PNG file, or one that was cut off.
 */
export function readPngText(png: Uint8Array): Map<string, string> {
  return readTexts(png).texts;
}

/** The textual chunks, and the keywords of those that are left unread as they are damaged, or the texts together would be larger than 16 MB. */
export function readTexts(png: Uint8Array): { texts: Map<string, string>; unread: string[] } {
  const texts = new Map<string, string>();
  const unread: string[] = [];
  let left = maxTextBytes;
  let vain = maxVain;
  for (const { type, data } of chunksOf(png)) {
    const read = readers[type];
    if (read === undefined) continue;
    const text = left > 0 && vain > 0 ? read(data, left) : undefined;
    left -= text?.bytes ?? 0;
    if (text === undefined) vain--;
    if (text === undefined) unread.push(keywordOf(data).slice(0, 79));
    else texts.set(keywordOf(data), text.text);
  }
  return { texts, unread };
}

interface Text {
  text: string;
  /** Its length in the file, inflated. */
  bytes: number;
}

/** Each reads a chunk of at most so many bytes, inflated; undefined for one that has more or is broken. */
const readers: Readonly<Record<string, (data: Uint8Array, most: number) => Text | undefined>> = {
  tEXt: (data, most) => {
    const bytes = data.subarray(keywordOf(data).length + 1);
    return bytes.length > most ? undefined : { text: decodeText(bytes), bytes: bytes.length };
  },
  zTXt: (data, most) => {
    const bytes = inflate(data.subarray(keywordOf(data).length + 2), most);
    return bytes && { text: decodeText(bytes), bytes: bytes.length };
  },
  iTXt: (data, most) => {
    const after = keywordOf(data).length;
    const language = data.indexOf(0, after + 3);
    const translated = data.indexOf(0, language + 1);
    if (language < 0 || translated < 0) return undefined;
    const raw = data.subarray(translated + 1);
    const bytes = data[after + 1] === 1 ? inflate(raw, most) : raw.length > most ? undefined : Buffer.from(raw);
    return bytes && { text: bytes.toString("utf8"), bytes: bytes.length };
  },
};

/** A copy of a PNG with textual chunks set, placed before the pixels; chunks of the same keywords are replaced. */
export function writePngText(png: Uint8Array, texts: Readonly<Record<string, string>>): Uint8Array {
  const parts: Uint8Array[] = [signature];
  for (const { type, data, start } of chunksOf(png)) {
    if (isTextChunk(type) && Object.hasOwn(texts, keywordOf(data))) continue;
    parts.push(png.subarray(start, start + 12 + data.length));
    if (type === "IHDR") parts.push(...Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text)));
  }
  return Buffer.concat(parts);
}

function* chunksOf(png: Uint8Array): Generator<Chunk> {
  if (!isPng(png)) throw new ImageError("Not a PNG file: its first eight bytes are not PNG's signature.");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let chunks = 0;
  for (let start = 8; start < png.length; ) {
    if (++chunks > maxChunks) throw new ImageError(`The PNG file has more than ${maxChunks} chunks.`);
    const length = start + 12 <= png.length ? view.getUint32(start) : Number.POSITIVE_INFINITY;
    if (start + 12 + length > png.length) throw new ImageError("The PNG file is cut off in the middle of a chunk.");
    const type = Buffer.from(png.subarray(start + 4, start + 8)).toString("latin1");
    yield { type, data: png.subarray(start + 8, start + 8 + length), start };
    if (type === "IEND") return;
    start += 12 + length;
  }
}

/** tEXt holds Latin-1 only; anything else goes into iTXt, which holds UTF-8. */
function textChunk(keyword: string, text: string): Uint8Array {
  const isLatin1 = [...text].every((char) => char.codePointAt(0)! < 256);
  const head = Buffer.from(`${keyword}\0${isLatin1 ? "" : "\0\0\0\0"}`, "latin1");
  return chunk(isLatin1 ? "tEXt" : "iTXt", Buffer.concat([head, Buffer.from(text, isLatin1 ? "latin1" : "utf8")]));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

function isTextChunk(type: string): boolean {
  return type === "tEXt" || type === "zTXt" || type === "iTXt";
}

function keywordOf(data: Uint8Array): string {
  // Keywords have up to 79 characters; what is longer is none, and is not searched through.
  return Buffer.from(data.subarray(0, Math.max(0, data.subarray(0, 80).indexOf(0)))).toString("latin1");
}

/** Latin-1 by the specification; but many write UTF-8, and a text beyond ASCII that is valid UTF-8 is meant as that. */
function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}

function inflate(bytes: Uint8Array, most: number): Buffer | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: most });
  } catch {
    return undefined;
  }
}
