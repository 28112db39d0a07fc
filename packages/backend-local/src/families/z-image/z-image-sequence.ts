import type { ZImageConfig } from "../../networks/z-image-transformer/z-image-transformer-config.ts";
import { onGrid, type Positions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";

/** Most tokens of a text, the chat's own included. */
export const longestText = 512;

/** Both sequences are filled up to a multiple of it. */
const multiple = 32;

/** How many tokens a sequence has when it is filled up. */
export function filledUp(tokens: number): number {
  return Math.ceil(tokens / multiple) * multiple;
}

/** A sequence `[1, tokens, width]`, filled up. What stands in the padding does not matter: a learned token takes its place. */
export function withPadding({ data, dims: [, tokens, width] }: Rows): Rows {
  const length = filledUp(tokens!);
  const filled = new Float32Array(length * width!);
  filled.set(data);
  return { data: filled, dims: [1, length, width!] };
}

/** Which of a filled-up sequence's tokens are padding: 1 where they are. */
export function paddingOf(tokens: number): Uint8Array {
  return Uint8Array.from({ length: filledUp(tokens) }, (_, i) => (i < tokens ? 0 : 1));
}

/** Angles over three axes: a text's tokens follow each other on the first, padding too; the picture lies after them, its padding at 0. */
export function anglesOf(
  { axes_dims: axes, rope_theta: theta }: ZImageConfig,
  text: number,
  [rows, columns]: readonly [rows: number, columns: number],
): Record<"text_cos" | "text_sin" | "image_cos" | "image_sin", Rows> {
  const options = { axes, theta, precision: "mixed" } as const;
  const words: Positions = Array.from({ length: filledUp(text) }, (_, i) => [1 + i, 0, 0]);
  const squares = onGrid(rows, columns, [words.length + 1]);
  const padding: Positions = Array.from({ length: filledUp(squares.length) - squares.length }, () => [0, 0, 0]);
  const [ofText, ofImage] = [rotaryTables(words, options), rotaryTables([...squares, ...padding], options)];
  return { text_cos: ofText.cos, text_sin: ofText.sin, image_cos: ofImage.cos, image_sin: ofImage.sin };
}
