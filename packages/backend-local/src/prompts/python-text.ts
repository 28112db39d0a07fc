/** Python's `\s` in a text: blanks of Unicode, and the separators of ASCII. As a class for a regular expression with the flag `u`. */
export const pythonSpace = "[\\t-\\r\\x1c-\\x20\\x85\\p{Zs}\\u2028\\u2029]";

/** A word's begin and end in Python's `\b`: letters and digits of Unicode, and `_`. */
export function wholeWord(word: string): string {
  return `(?<![\\p{L}\\p{N}_])${word}(?![\\p{L}\\p{N}_])`;
}

/** A finite number as Python's `float()` reads it; undefined where it would raise. */
export function pythonFloat(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i.test(trimmed))
    return undefined;
  return Number(trimmed.replaceAll("_", ""));
}
