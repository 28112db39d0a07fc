import { withoutEndZeros } from "./without-end-zeros.ts";

/** Length of the code of characters that stands before a comment. Exif 3.0, 4.6.6.1.3 (UserComment). */
const codeLength = 8;

/**
 * The text of EXIF's UserComment. "UNICODE" is UTF-16, whose order the standard leaves to the file: by a mark, else by where the zeros of
 * Latin letters stand (A1111's library writes big-endian whatever the file's order). Without a code it is UTF-8, as Fooocus writes it.
 */
export function decodeUserComment(bytes: Uint8Array): string {
  const code = withoutEndZeros(Buffer.from(bytes.subarray(0, codeLength)).toString("latin1"));
  const hasCode = code === "UNICODE" || code === "ASCII" || code === "JIS" || code === "";
  const body = hasCode ? bytes.subarray(codeLength) : bytes;
  const text = code === "UNICODE" ? decodeUtf16(body) : new TextDecoder().decode(body);
  return withoutEndZeros(text).replace(/^\uFEFF/, "");
}

function decodeUtf16(bytes: Uint8Array): string {
  const isMarkedLittle = bytes[0] === 0xff && bytes[1] === 0xfe;
  const isMarkedBig = bytes[0] === 0xfe && bytes[1] === 0xff;
  const zeros = [0, 0];
  for (let i = 0; i < Math.min(bytes.length, 4096); i++) if (bytes[i] === 0) zeros[i % 2]!++;
  const isLittle = isMarkedLittle || (!isMarkedBig && zeros[1]! > zeros[0]!);
  return new TextDecoder(isLittle ? "utf-16le" : "utf-16be").decode(bytes);
}
