/** One `key: value` of a settings line, in its order; a key may come twice. */
export type Setting = readonly [key: string, value: string];

interface Scan {
  line: string;
  /** As many letters may still be looked through in vain for the end of a string, a list or an object. */
  left: number;
}

const keyChar = /[\p{L}\p{N}_ \-/]/u;
const wordChar = /[\p{L}\p{N}_]/u;

/**
 * The settings of a line as A1111's own reader finds them (`Steps: 20, Model: "a, b", …`): a key is letters, digits, spaces, hyphens and
 * slashes before a colon; a value ends at a comma, unless it is a JSON string. Lists and objects in JSON, which other tools write unquoted,
 * are taken whole. One pass: the time grows with the length alone.
 */
export function scanSettings(line: string): Setting[] {
  const found: Setting[] = [];
  const scan = { line, left: 4 * line.length };
  let start = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === ":") {
      const key = keyIn(line.slice(start, at));
      if (key !== undefined) {
        const { value, end } = valueAt(scan, at + 1);
        found.push([key, value]);
        at = end;
      }
      start = at + 1;
    } else if (!keyChar.test(char)) start = at + 1;
  }
  return found;
}

/** A key has two characters or more, and begins with a letter or digit. */
function keyIn(run: string): string | undefined {
  let begin = 0;
  while (begin < run.length && !wordChar.test(run[begin]!)) begin++;
  return run.length - begin >= 2 ? run.slice(begin).trimEnd() : undefined;
}

/** The value that begins at `from`, and where its comma (or the line's end) stands. */
function valueAt(scan: Scan, from: number): { value: string; end: number } {
  const { line } = scan;
  let begin = from;
  while (line[begin] === " " || line[begin] === "\t") begin++;
  const close = endOfWhole(scan, begin);
  if (close !== undefined) return { value: unquote(line.slice(begin, close)), end: close };
  const comma = line.indexOf(",", begin);
  const end = comma < 0 ? line.length : comma;
  return { value: line.slice(begin, end).trim(), end };
}

/**
 * Where a string, a list or an object closes, if a comma or the line's end follows. Each look in vain may read to the end: after some of them
 * none is looked for any more.
 */
function endOfWhole(scan: Scan, begin: number): number | undefined {
  const { line, left } = scan;
  const isText = line[begin] === '"';
  if (left <= 0 || !(isText || line[begin] === "[" || line[begin] === "{")) return undefined;
  const end = isText ? endOfText(line, begin) : endOfJson(line, begin);
  // An empty string is none to A1111's reader.
  const isWhole = end !== undefined && (end === line.length || line[end] === ",") && !(isText && end === begin + 2);
  if (!isWhole) scan.left -= (end ?? line.length) - begin;
  return isWhole ? end : undefined;
}

function endOfText(line: string, begin: number): number | undefined {
  for (let at = begin + 1; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line[at] === '"') return at + 1;
  }
  return undefined;
}

/** Brackets inside strings don't count; a quote that is never closed is a letter, and so are those after it. */
function endOfJson(line: string, begin: number): number | undefined {
  let [depth, hasTexts] = [0, true];
  for (let at = begin; at < line.length; at++) {
    const char = line[at]!;
    if (char === '"' && hasTexts) {
      const end = endOfText(line, at);
      hasTexts = end !== undefined;
      at = (end ?? at + 1) - 1;
    } else if (char === "[" || char === "{") depth++;
    else if ((char === "]" || char === "}") && --depth === 0) return at + 1;
  }
  return undefined;
}

/** A JSON string's text; what is none stays as it is. */
function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}
