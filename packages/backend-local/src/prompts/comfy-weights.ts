import { pythonFloat } from "./python-text.ts";
import type { Segment } from "./segment.ts";

/** ComfyUI's stand-ins for escaped brackets. */
const closing = "\0\x01";
const opening = "\0\x02";

/**
 * The segments of a prompt as ComfyUI's `token_weights`: round brackets only; `(a:1.3)` sets the weight, `(a)` multiplies it by 1.1; `\(` and
 * `\)` are brackets of the text.
 */
export function comfySegments(prompt: string): Segment[] {
  const escaped = prompt.replaceAll("\\)", closing).replaceAll("\\(", opening);
  const unescaped = (text: string) => text.replaceAll(closing, ")").replaceAll(opening, "(");
  return weigh(escaped, 1).map(({ text, weight }) => ({ text: unescaped(text), weight }));
}

function weigh(text: string, current: number): Segment[] {
  return outermost(text).flatMap((part) => {
    if (part.length < 2 || !part.startsWith("(") || !part.endsWith(")")) return [{ text: part, weight: current }];
    const inner = part.slice(1, -1);
    const colon = inner.lastIndexOf(":");
    const weight = colon > 0 ? pythonFloat(inner.slice(colon + 1)) : undefined;
    return weight === undefined ? weigh(inner, current * 1.1) : weigh(inner.slice(0, colon), weight);
  });
}

/** Takes a text apart at its outermost round brackets. One that closes nothing makes the next opening one text. */
function outermost(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let depth = 0;
  for (const letter of text) {
    if (letter === "(") {
      if (depth === 0) {
        if (part) parts.push(part);
        part = "";
      }
      depth++;
    } else if (letter === ")" && --depth === 0) {
      parts.push(`${part})`);
      part = "";
      continue;
    }
    part += letter;
  }
  if (part) parts.push(part);
  return parts;
}
