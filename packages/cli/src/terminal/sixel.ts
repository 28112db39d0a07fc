import type { Pixels } from "@latentkit/core";
import { image2sixel } from "sixel";
import type { Cells } from "./inline-images.ts";
import { resize } from "./resize.ts";

/** Pixels of a character cell, as most terminals draw it. */
const usualCellWidth = 10;

/** A picture in sixels (DEC VT340), drawn about as large as its cells. */
export function sixels(pixels: Pixels, { columns, rows }: Cells, cellWidth = usualCellWidth): string {
  const width = columns * cellWidth;
  const height = Math.min(rows * cellWidth * 2, Math.max(1, Math.round((width * pixels.height) / pixels.width)));
  const rgb = resize(pixels, { width, height });
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
  return image2sixel(rgba, width, height, 256, 1);
}
