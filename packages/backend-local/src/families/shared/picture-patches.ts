import type { Pixels } from "@latentkit/core";

/** How a vision transformer takes a picture. */
export interface PatchLayout {
  /** Pixels to a patch's side. */
  patch: number;
  /** Patches to the side of those that become one token. */
  merge: number;
  /** How many times each is seen, as moments of a film. */
  moments: number;
  /** Of each colour, 0 to 1. */
  mean: readonly number[];
  deviation: readonly number[];
}

/** A picture's patches `[rows·columns, 3·moments·patch²]`, those that become one token after each other. */
export function patchesOf({ width, height, channels, data }: Pixels, layout: PatchLayout): Float32Array {
  const { patch, merge, moments, mean, deviation } = layout;
  const [rows, columns] = [height / patch, width / patch];
  const numbers = 3 * moments * patch ** 2;
  const patches = new Float32Array(rows * columns * numbers);
  for (const [i, [row, column]] of inBlocks(rows, columns, merge).entries())
    for (let c = 0, at = i * numbers; c < 3; c++) {
      const begin = at;
      for (let y = 0; y < patch; y++)
        for (let x = 0; x < patch; x++, at++) {
          const pixel = (row! * patch + y) * width + column! * patch + x;
          patches[at] = (data[pixel * channels + c]! / 255 - mean[c]!) / deviation[c]!;
        }
      for (let moment = 1; moment < moments; moment++, at += patch ** 2)
        patches.copyWithin(at, begin, begin + patch ** 2);
    }
  return patches;
}

/** Rows and columns of a grid's squares, block of `merge`² after block. */
export function inBlocks(
  rows: number,
  columns: number,
  merge: number,
): readonly (readonly [row: number, column: number])[] {
  const across = columns / merge;
  return Array.from({ length: rows * columns }, (_, i) => {
    const [block, inner] = [Math.floor(i / merge ** 2), i % merge ** 2];
    return [
      Math.floor(block / across) * merge + Math.floor(inner / merge),
      (block % across) * merge + (inner % merge),
    ] as const;
  });
}

/** Windows of neighbouring tokens: `count` of `size`, as the network's inputs of these names have them. */
export interface PictureWindows {
  size: number;
  places: Int32Array;
  mask: Uint8Array;
  back: Int32Array;
}

/** The windows of a grid of blocks of `unit` tokens each, `side` blocks wide and high; those at the right and below may be smaller. */
export function windowsOf(rows: number, columns: number, side: number, unit: number): PictureWindows {
  const size = side ** 2 * unit;
  const [down, across] = [Math.ceil(rows / side), Math.ceil(columns / side)];
  const places = new Int32Array(down * across * size);
  const mask = new Uint8Array(down * across * size ** 2);
  const back = new Int32Array(rows * columns * unit);
  for (let window = 0; window < down * across; window++) {
    const [top, left] = [Math.floor(window / across) * side, (window % across) * side];
    let count = 0;
    for (let row = top; row < Math.min(top + side, rows); row++)
      for (let column = left; column < Math.min(left + side, columns); column++)
        for (let i = 0; i < unit; i++, count++) {
          const token = (row * columns + column) * unit + i;
          places[window * size + count] = token;
          back[token] = window * size + count;
        }
    for (let query = 0; query < size; query++)
      mask.fill(1, (window * size + query) * size, (window * size + query) * size + count);
  }
  return { size, places, mask, back };
}

/** Around each square of a grid the four of a square table that it lies between, laid over it from corner to corner, and how near it is to each. */
export function cornersOf(rows: number, columns: number, merge: number, side: number) {
  const squares = inBlocks(rows, columns, merge);
  const corners = new Int32Array(4 * squares.length);
  const nearness = new Float32Array(4 * squares.length);
  const between = (place: number, count: number) => {
    const at = Math.fround(Math.fround(place * (side - 1)) / Math.max(count - 1, 1));
    const first = Math.floor(at);
    return [first, Math.min(first + 1, side - 1), at - first] as const;
  };
  for (const [i, [row, column]] of squares.entries()) {
    const [top, bottom, down] = between(row, rows);
    const [left, right, along] = between(column, columns);
    corners.set([top * side + left, top * side + right, bottom * side + left, bottom * side + right], 4 * i);
    nearness.set([(1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along], 4 * i);
  }
  return { corners, nearness };
}
