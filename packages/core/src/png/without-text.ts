import { inflateSync } from "node:zlib";
import { ImageError } from "../errors/image-error.ts";

/** Chunks of a sound file are hundreds of times fewer. */
const maxChunks = 200_000;
/** Colour profiles have some kilobytes; those of printers reach two megabytes. */
const maxProfileBytes = 4 * 2 ** 20;

const code = (type: string) => Buffer.from(type, "latin1").readUInt32BE();
const dropped = new Set(["tEXt", "zTXt", "iTXt"].map(code));
const [iccp, iend] = [code("iCCP"), code("IEND")];

/**
 * The parts of a PNG file that a decoder needs: all but its texts, which would be inflated without a limit.
 *
 * @throws ImageError when the file is cut off in a chunk, has more chunks than any sound file, or a colour profile that inflates beyond 4 MB.
 */
export function pngWithoutText(png: Uint8Array, what = "image"): Uint8Array[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const refuse = (why: string) =>
    new ImageError(`${what}: the PNG file ${why}.`, { details: { field: what, kind: "png" } });
  const parts: Uint8Array[] = [];
  let kept = 0;
  let chunks = 0;
  let hasProfile = false;
  for (let at = 8; at < png.length; ) {
    const length = at + 12 <= png.length ? view.getUint32(at) : Number.POSITIVE_INFINITY;
    const end = at + 12 + length;
    if (end > png.length) throw refuse("is cut off in the middle of a chunk");
    if (++chunks > maxChunks) throw refuse(`has more than ${maxChunks} chunks`);
    const type = view.getUint32(at + 4);
    // A file has one profile; decoders pass over others, and looking at each would inflate it.
    const isSecond = type === iccp && hasProfile;
    if (type === iccp && !isSecond && !fits(png.subarray(at + 8, end - 4)))
      throw refuse(`has a colour profile of more than ${maxProfileBytes} bytes`);
    hasProfile ||= type === iccp;
    if (isSecond || dropped.has(type)) {
      if (at > kept) parts.push(png.subarray(kept, at));
      kept = end;
    }
    at = end;
    if (type === iend) return [...parts, png.subarray(kept, at)];
  }
  return [...parts, png.subarray(kept)];
}

/** Whether a zlib-compressed profile (after its name and a method byte) stays below the limit. */
function fits(data: Uint8Array): boolean {
  try {
    inflateSync(data.subarray(data.indexOf(0) + 2), { maxOutputLength: maxProfileBytes });
    return true;
  } catch (error) {
    // One that is merely broken is the decoder's to judge.
    return (error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE";
  }
}
