/** Python's `\s` in a text: blanks of Unicode, and the separators of ASCII. As a class for a regular expression with the flag `u`. */
export const pythonSpace = "[\\t-\\r\\x1c-\\x20\\x85\\p{Zs}\\u2028\\u2029]";

/** A word's begin and end in Python's `\b`: letters and digits of Unicode, and `_`. */
export function wholeWord(word: string): string {
  return `(?<![\\p{L}\\p{N}_])${word}(?![\\p{L}\\p{N}_])`;
}

const space = new RegExp(pythonSpace, "u");

/** A text without the blanks at its beginning. */
export function trimmedStart(text: string): string {
  let from = 0;
  while (from < text.length && space.test(text[from]!)) from++;
  return text.slice(from);
}

/** A text without the blanks at its end. */
export function trimmedEnd(text: string): string {
  let end = text.length;
  while (end > 0 && space.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** A text in small letters without the blanks around it, as pipelines of PixArt's kind give it to their text encoders. */
export function inSmallLetters(text: string): string {
  return trimmedStart(trimmedEnd(text.toLowerCase()));
}

const digits = String.raw`\d+(?:_\d+)*`;
const float = new RegExp(`^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[+-]?${digits})?$`, "i");

/** A finite number as Python's `float()` reads it; undefined where it would raise. */
export function pythonFloat(text: string): number | undefined {
  const trimmed = trimmedStart(trimmedEnd(text));
  return float.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : undefined;
}
