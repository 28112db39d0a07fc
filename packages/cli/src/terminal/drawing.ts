import { encodeImage, type Pixels } from "@latentkit/core";
import { createSupportsTerminalGraphics } from "supports-terminal-graphics";
import { blocks } from "./half-blocks.ts";
import { type Cells, iterm2, kitty } from "./inline-images.ts";
import { fit, resize, type Size } from "./resize.ts";

/** How a terminal shows pictures; undefined where it has too few colours. */
export type Graphics = "kitty" | "iterm2" | "sixel" | "blocks";

/** What a terminal can, by its environment: asking the terminal itself would mean reading stdin. */
export function graphicsOf(stream: NodeJS.WriteStream): Graphics | undefined {
  const { kitty: hasKitty, iterm2: hasIterm2, sixel: hasSixel } = createSupportsTerminalGraphics(stream);
  if (hasKitty) return "kitty";
  if (hasIterm2) return "iterm2";
  if (hasSixel) return "sixel";
  return stream.getColorDepth() < 8 ? undefined : "blocks";
}

/** The largest size for a picture, in half cells: one is about square, as a cell is about twice as high as wide. */
export function roomIn(stream: NodeJS.WriteStream): Size {
  return {
    width: Math.min(64, stream.columns ?? 80),
    height: 2 * Math.min(32, Math.max(2, (stream.rows ?? 24) - 3)),
  };
}

/** Cells that a picture of a size takes. */
export function cellsOf({ width, height }: Size): Cells {
  return { columns: width, rows: Math.ceil(height / 2) };
}

/** An unfinished picture in a place of its own, where the next one takes its place. */
export interface Drawing {
  rows: number;
  /** Lines that are the picture. */
  lines?: string;
  /** What draws it over empty lines, from the first of them on. */
  overlay?: string;
}

/** kitty shows every preview under one number, so that the next one replaces it. */
const previewNumber = 1_279_741_516;
/** What takes kitty's preview away: erasing lines would leave it. */
export const forgetPreview = `\u001B_Ga=d,d=I,i=${previewNumber},q=2\u001B\\`;
/** Longest side of a preview as a file, in pixels: the terminal enlarges it, and it may be far away. */
const longestSide = 256;
/** Cells are rarely smaller, so that sixels stay inside the lines that are theirs. */
const smallCellWidth = 6;

/**
 * Draws a preview as large as the finished picture will be.
 *
 * @param size the finished picture's, where it is known.
 */
export async function drawPreview(
  pixels: Pixels,
  graphics: Graphics,
  stream: NodeJS.WriteStream,
  size: Size = pixels,
): Promise<Drawing> {
  const drawn = fit(size, roomIn(stream));
  const cells = cellsOf(drawn);
  const { rows } = cells;
  if (graphics === "blocks") return { rows, lines: blocks(pixels, drawn, stream.getColorDepth())! };
  if (graphics === "sixel") {
    return { rows, overlay: (await import("./sixel.ts")).sixels(pixels, cells, smallCellWidth) };
  }
  const png = await encodeImage(small(pixels), "png");
  return { rows, overlay: graphics === "kitty" ? kitty(png, cells, previewNumber) : iterm2(png, cells) };
}

function small(pixels: Pixels): Pixels {
  const { width, height } = fit(pixels, { width: longestSide, height: longestSide });
  return { width, height, channels: 3, data: resize(pixels, { width, height }) };
}
