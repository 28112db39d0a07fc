import type { Rows } from "./rows.ts";

/** A place on each of some axes, for each token. */
export type Positions = readonly (readonly number[])[];

/** Cosines and sines of rotary angles, `[tokens, headSize / 2]` both. */
export interface RotaryTables {
  cos: Rows;
  sin: Rows;
}

/** What the angles are made of. */
export interface RotaryOptions {
  /** Numbers of a head that each axis turns; even. */
  axes: readonly number[];
  theta: number;
  /** Where all pairs have one row of frequencies, that of the only size in `axes`: the axis whose place turns each pair. Default: each axis its own pairs. */
  axisOf?: readonly number[] | undefined;
  /** In which precision the reference works out frequencies and angles; "mixed" is double for the first and single for the second. */
  precision: "single" | "mixed" | "double";
}

/**
 * Rotary position embedding (Su et al. 2021) over several axes: each turns its own pairs of a head's numbers, pair i of d by
 * `position·theta^(−2i/d)`.
 */
export function rotaryTables(positions: Positions, { axes, theta, precision, axisOf }: RotaryOptions): RotaryTables {
  const round = precision === "single" ? Math.fround : exact;
  const roundAngle = precision === "double" ? exact : Math.fround;
  const frequencies = axes.map((size) =>
    Array.from({ length: size / 2 }, (_, i) => round(1 / round(theta ** round((2 * i) / size)))),
  );
  const half = axes.reduce((sum, size) => sum + size / 2, 0);
  const dims = [positions.length, half];
  const [cos, sin] = [new Float32Array(positions.length * half), new Float32Array(positions.length * half)];
  let at = 0;
  for (const position of positions)
    for (const [axis, each] of frequencies.entries())
      for (const [pair, frequency] of each.entries()) {
        const angle = roundAngle(position[axisOf?.[pair] ?? axis]! * frequency);
        cos[at] = Math.cos(angle);
        sin[at++] = Math.sin(angle);
      }
  return { cos: { data: cos, dims }, sin: { data: sin, dims } };
}

const exact = (value: number) => value;

/** Places in a text: 0, 1, 2 … */
export function inOrder(tokens: number): Positions {
  return Array.from({ length: tokens }, (_, i) => [i]);
}

/** Places of a grid's squares, row by row, after `before` on the axes that come first; `after` on those that come last. */
export function onGrid(
  height: number,
  width: number,
  before: readonly number[],
  after: readonly number[] = [],
): Positions {
  return Array.from({ length: height * width }, (_, i) => [...before, Math.floor(i / width), i % width, ...after]);
}

/** Places of a grid's squares around its middle, which is at 0, after `first`. */
export function aroundMiddle(height: number, width: number, first: number): Positions {
  const [top, left] = [height - Math.floor(height / 2), width - Math.floor(width / 2)];
  return onGrid(height, width, [first]).map(([at, row, column]) => [at!, row! - top, column! - left]);
}

/** The angles of texts beside a picture, as a network's inputs: {@link rotaryTables} of the picture's places and of each text's tokens, all at 0. */
export function withPlacelessTexts(
  states: readonly Rows[],
  places: Positions,
  options: RotaryOptions,
): Readonly<Record<string, Rows>>[] {
  const image = rotaryTables(places, options);
  const nowhere = options.axes.map(() => 0);
  return states.map((text) => {
    const { cos, sin } = rotaryTables(new Array<number[]>(text.dims[1]!).fill(nowhere), options);
    return { text, text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
  });
}
