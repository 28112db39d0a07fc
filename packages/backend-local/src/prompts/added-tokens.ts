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

/** A letter, digit or underscore at the end or the beginning of a text, as Rust's `\w`. */
const wordAtEnd = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordAtStart = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

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
      const [before, after] = [text.slice(0, index), text.slice(index + found.length)];
      if (token.singleWord && (wordAtEnd.test(before) || wordAtStart.test(after))) continue;
      const from = Math.max(done, token.lstrip ? before.replace(/\p{White_Space}+$/u, "").length : index);
      if (from > done) parts.push(text.slice(done, from));
      parts.push(id);
      const blanks = token.rstrip ? /^\p{White_Space}*/u.exec(after)![0].length : 0;
      done = index + found.length + blanks;
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
