/**
 * The pre-tokens of CLIP: special tokens, English contractions, runs of letters, single digits, runs of anything else. From Radford et al.
 * 2021's released tokenizer. Blanks are Unicode's, as in transformers: JavaScript's `\s` has U+FEFF besides, and not U+0085.
 */
const pieces = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;
/** A special token's name that is plain text: the byte-level step takes it apart. */
const named = /^(<\|)(startoftext|endoftext)(\|>)$/;

/** A text as CLIP's tokenizers see it: composed (NFC), one blank in place of several, in lower case letter by letter. */
export function normalizeForClip(text: string): string {
  const blanked = composed(text).replace(/\p{White_Space}+/gu, " ");
  // Within a word JavaScript would write a last capital sigma as ς.
  return blanked.includes("Σ") ? [...blanked].map((letter) => letter.toLowerCase()).join("") : blanked.toLowerCase();
}

/** Marks without a letter of their own, more than any script puts on one. */
const manyMarks = /(\p{M}{1000})/u;

/** NFC. It sorts the marks of one letter by insertion, in the square of their number: thousands are composed a thousand at a time. */
function composed(text: string): string {
  const parts = text.split(manyMarks);
  return parts.map((part) => part.normalize("NFC")).join("");
}

/** A normalised text's words, each of which is encoded by itself. */
export function clipPieces(text: string): string[] {
  return (text.match(pieces) ?? []).flatMap((piece) => named.exec(piece)?.slice(1) ?? piece);
}
