/** A token that is found in a text before the text is taken apart, as transformers' AddedToken. */
export interface AddedToken {
  content: string;
  /** Takes the blanks before it. */
  lstrip: boolean;
  /** Takes the blanks after it. */
  rstrip: boolean;
  /** Not within a longer word. */
  singleWord: boolean;
  /** Found in the normalised text (so in capitals too), rather than in the text as it is written. */
  normalized: boolean;
  special: boolean;
}

/** A part of a text: a stretch of it, or the id of a token that stood there. */
export type TextPart = string | number;

/** A letter, digit or underscore, as Rust's `\w`. */
const wordSign = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const blank = /^\p{White_Space}/u;

/**
 * A function that takes a text apart at some tokens: of several at one place the longest is taken. Texts between them are left as they are.
 */
export function splitAtTokens(tokens: ReadonlyMap<number, AddedToken>, contentOf: (token: AddedToken) => string) {
  const byContent = new Map([...tokens].map(([id, token]) => [contentOf(token), { id, token }]));
  byContent.delete("");
  if (byContent.size === 0) return (text: string): TextPart[] => [text];
  const contents = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map(escapePattern).join("|"), "g");
  return (text: string): TextPart[] => {
    const parts: TextPart[] = [];
    let done = 0;
    for (const { 0: found, index } of text.matchAll(pattern)) {
      const { id, token } = byContent.get(found)!;
      const end = index + found.length;
      if (token.singleWord && (wordSign.test(signBefore(text, index)) || wordSign.test(text.slice(end, end + 2))))
        continue;
      let from = Math.max(done, index);
      // Looked at sign by sign: a pattern with `$` would read all of the text for each token. All blanks are one unit.
      while (token.lstrip && from > done && blank.test(text[from - 1]!)) from--;
      if (from > done) parts.push(text.slice(done, from));
      parts.push(id);
      done = end;
      while (token.rstrip && done < text.length && blank.test(text[done]!)) done++;
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  };
}

/** The sign that ends before a place, of one unit or two. */
function signBefore(text: string, at: number): string {
  const point = text.codePointAt(at - 2);
  return at >= 2 && point !== undefined && point > 0xffff
    ? text.slice(at - 2, at)
    : text.slice(Math.max(0, at - 1), at);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
