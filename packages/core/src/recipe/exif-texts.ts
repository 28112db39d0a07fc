import { decodeUserComment } from "./user-comment.ts";
import { withoutEndZeros } from "./without-end-zeros.ts";

/** Tags of Exif 3.0: the pointer to the photo's own directory, and the user's comment in it. */
const [exifTag, userCommentTag] = [0x8769, 0x9286];
/** Cameras write some sixty. */
const mostEntries = 500;
/** Types whose values are bytes: BYTE, ASCII, UNDEFINED. */
const byteTypes = [1, 2, 7];

/**
 * The texts that programs hide in EXIF, by keyword: the user's comment as `parameters`, and `prompt` and `workflow` of ComfyUI's WebP files,
 * which are in whichever tags of the picture. Entries are looked at where they lie: however many say that they are long, nothing is copied
 * but these three. Libraries make a list of numbers of each, and take the square of the file's length.
 *
 * @returns nothing where the bytes are no EXIF.
 */
export function exifTexts(exif: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>();
  const head = latin1(exif.subarray(0, 6)) === "Exif\0\0" ? exif.subarray(6) : exif;
  const order = latin1(head.subarray(0, 4));
  if (order !== "II*\0" && order !== "MM\0*") return texts;
  const tiff = {
    bytes: head,
    view: new DataView(head.buffer, head.byteOffset, head.byteLength),
    little: order === "II*\0",
  };
  if (head.length < 8) return texts;
  const image = entriesOf(tiff, tiff.view.getUint32(4, tiff.little));
  const photo = image.find(({ tag, pointer }) => tag === exifTag && pointer !== undefined);
  // Fooocus puts the comment beside the picture's own tags.
  const all = [...(photo === undefined ? [] : entriesOf(tiff, photo.pointer!)), ...image];
  const comment = all.find(({ tag, value }) => tag === userCommentTag && value !== undefined);
  if (comment !== undefined) texts.set("parameters", decodeUserComment(comment.value!));
  for (const { value } of image) {
    const keyword = ["prompt", "workflow"].find((name) => latin1(value?.subarray(0, name.length + 1)) === `${name}:`);
    if (keyword !== undefined && !texts.has(keyword))
      texts.set(keyword, withoutEndZeros(new TextDecoder().decode(value!.subarray(keyword.length + 1))));
  }
  return texts;
}

interface Tiff {
  bytes: Uint8Array;
  view: DataView;
  little: boolean;
}

interface Entry {
  tag: number;
  /** Of a type whose values are bytes, a view of them. */
  value: Uint8Array | undefined;
  /** Of a LONG, what it says. */
  pointer: number | undefined;
}

/** A directory's entries, as far as they lie in the file. TIFF 6.0, section 2. */
function entriesOf({ bytes, view, little }: Tiff, offset: number): Entry[] {
  const entries: Entry[] = [];
  if (offset + 2 > bytes.length) return entries;
  const count = Math.min(view.getUint16(offset, little), mostEntries);
  for (let at = offset + 2; entries.length < count && at + 12 <= bytes.length; at += 12) {
    const type = view.getUint16(at + 2, little);
    const length = view.getUint32(at + 4, little);
    const from = length <= 4 ? at + 8 : view.getUint32(at + 8, little);
    entries.push({
      tag: view.getUint16(at, little),
      value: byteTypes.includes(type) ? bytes.subarray(from, from + length) : undefined,
      pointer: type === 4 ? view.getUint32(at + 8, little) : undefined,
    });
  }
  return entries;
}

function latin1(bytes: Uint8Array = new Uint8Array()): string {
  return String.fromCharCode(...bytes);
}
