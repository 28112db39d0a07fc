import type { Rows } from "./rows.ts";

/** What the places of a grid's squares are made of. */
export interface SincosOptions {
  /** Numbers of a token, a multiple of 4. */
  width: number;
  /** Squares on a side of the grid that the network was trained at; others are brought to its places. */
  base: number;
  /** How many times closer together the squares lie. */
  scale: number;
}

/**
 * Sines and cosines of a grid's columns, then of its rows, that are added to its tokens: `[rows·columns, width]` (diffusers'
 * `get_2d_sincos_pos_embed`, after Dosovitskiy et al. 2021).
 */
export function sincosPlaces(rows: number, columns: number, { width, base, scale }: SincosOptions): Rows {
  const quarter = width / 4;
  const frequencies = Array.from({ length: quarter }, (_, i) => 1 / 10_000 ** (i / quarter));
  const place = (at: number, count: number) => Math.fround(Math.fround(at / (count / base)) / scale);
  const data = new Float32Array(rows * columns * width);
  for (let y = 0, at = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (const along of [place(x, columns), place(y, rows)])
        for (const wave of [Math.sin, Math.cos])
          for (const frequency of frequencies) data[at++] = wave(along * frequency);
  return { data, dims: [rows * columns, width] };
}
