import { withoutEndZeros } from "./without-end-zeros.ts";

/** Files of programs have one. */
const mostComments = 20;

/** The comments (COM segments) of a JPEG file, before its pixels; twenty at most. ITU-T T.81, B.2.4.5. */
export function jpegComments(bytes: Uint8Array): string[] {
  const comments: string[] = [];
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return comments;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && comments.length < mostComments; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Start of scan: compressed data follows.
    if (marker === 0xda || marker === 0xd9) break;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length < 2) break;
    if (marker === 0xfe)
      comments.push(withoutEndZeros(Buffer.from(bytes.subarray(at + 4, at + 2 + length)).toString("utf8")));
    at += 2 + length;
  }
  return comments;
}
