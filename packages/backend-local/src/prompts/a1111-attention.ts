import { pythonSpace, trimmedEnd, trimmedStart, wholeWord } from "./python-text.ts";
import type { Segment } from "./segment.ts";

/** An escaped sign, a bracket, a weight with its bracket, a stretch without any of these, or a colon. */
const signs = new RegExp(
  String.raw`\\[()[\]\\]|\\|\(|\[|:${pythonSpace}*([+-]?[.\d]+)${pythonSpace}*\)|\)|\]|[^\\()[\]:]+|:`,
  "gu",
);
const breaks = new RegExp(wholeWord("BREAK"), "u");

/** What BREAK leaves in the list of segments. Within brackets its weight is another, and it is a word: so in A1111. */
export const breakSegment: Readonly<Segment> = { text: "BREAK", weight: -1 };

/**
 * The segments of a prompt as AUTOMATIC1111's `parse_prompt_attention` (1.10): `(a)` times 1.1, `[a]` divided by it, `(a:1.3)` times 1.3;
 * nested brackets multiply; those that nobody closes count to the end; `\` escapes. `undefined` where a weight is no number.
 */
export function a1111Segments(prompt: string): Segment[] | undefined {
  const segments: Segment[] = [];
  const open = { round: [] as number[], square: [] as number[] };
  const multiply = (from: number, by: number) => {
    for (const segment of segments.slice(from)) segment.weight *= by;
  };
  for (const { 0: sign, 1: weight } of prompt.matchAll(signs)) {
    const start = sign === ")" ? open.round.pop() : sign === "]" ? open.square.pop() : undefined;
    if (sign.startsWith("\\")) segments.push({ text: sign.slice(1), weight: 1 });
    else if (sign === "(") open.round.push(segments.length);
    else if (sign === "[") open.square.push(segments.length);
    else if (weight !== undefined && open.round.length > 0) {
      const by = Number(weight);
      if (Number.isNaN(by)) return undefined;
      multiply(open.round.pop()!, by);
    } else if (start !== undefined) multiply(start, sign === ")" ? 1.1 : 1 / 1.1);
    else
      for (const [i, part] of sign.split(breaks).entries()) {
        if (i > 0) {
          // A BREAK takes the blanks around it.
          segments.at(-1)!.text = trimmedEnd(segments.at(-1)!.text);
          segments.push({ ...breakSegment });
        }
        segments.push({ text: i > 0 ? trimmedStart(part) : part, weight: 1 });
      }
  }
  for (const from of open.round) multiply(from, 1.1);
  for (const from of open.square) multiply(from, 1 / 1.1);
  return merged(segments.length > 0 ? segments : [{ text: "", weight: 1 }]);
}

/** Neighbours of one weight become one, so that they are tokenised together. */
function merged(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = [];
  for (const segment of segments) {
    const last = result.at(-1);
    if (last?.weight === segment.weight) last.text += segment.text;
    else result.push({ ...segment });
  }
  return result;
}
