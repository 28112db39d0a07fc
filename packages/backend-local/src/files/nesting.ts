/**
 * Whether `json` nests objects and lists deeper than `limit`. `JSON.parse` takes seconds over a few megabytes of open
 * brackets, so this is asked before it.
 */
export function nestsDeeperThan(json: string, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (character === quotationMark) i = endOfString(json, i);
    else if (character === openBracket || character === openBrace) {
      if (++depth > limit) return true;
    } else if (character === closeBracket || character === closeBrace) depth--;
  }
  return false;
}

const quotationMark = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Where the string that begins at `start` has its closing quote, or the text its end. */
function endOfString(json: string, start: number): number {
  let end = start + 1;
  while (end < json.length && json.charCodeAt(end) !== quotationMark) end += json.charCodeAt(end) === backslash ? 2 : 1;
  return end;
}
