import type { Pixels } from "../image/codec.ts";
import { resizeImage } from "../image/resize.ts";
import { type Axis, labelOf } from "./axes.ts";
import { glyphBox, glyphOf } from "./glyphs.ts";
import type { SweepCell } from "./sweep.ts";

/** How a sheet is drawn. */
export interface SheetOptions {
  /** Longest side of a picture on the sheet, in pixels. Default 256; a smaller picture is enlarged by whole times, without smoothing. */
  cell?: number;
  /** A line above. */
  title?: string;
}

const gap = 8;
const ink = 24;

/** Draws pictures in rows with their values: the first axis across, the others down. A combination that failed is a grey field. */
export async function contactSheet(
  axes: readonly Axis[],
  cells: readonly SweepCell[],
  { cell = 256, title = "" }: SheetOptions = {},
): Promise<Pixels> {
  const columns = axes[0]!.values.length;
  const lines = Math.ceil(cells.length / columns);
  const tiles = await Promise.all(cells.map((one) => tileOf(one, cell)));
  const size = { width: Math.max(...tiles.map(widthOf), 48), height: Math.max(...tiles.map(heightOf), 48) };
  const scale = size.width >= 128 ? 2 : 1;
  const line = glyphBox.height * scale + gap;
  const rowLabels = Array.from({ length: lines }, (_, row) => rowLabel(axes, cells[row * columns]));
  const left = Math.min(320, Math.max(0, ...rowLabels.flat().map((label) => textWidth(label, scale)))) + gap * 2;
  const across = columns * (size.width + gap);
  const top = gap + (title === "" ? 0 : line) + line * 2;
  const sheet = blank(
    left + Math.max(across, textWidth(axes[0]!.field, scale) + gap),
    top + lines * (size.height + gap),
  );
  if (title !== "") write(sheet, title, { x: gap, y: gap, scale, width: sheet.width - gap * 2 });
  write(sheet, axes[0]!.field, { x: left, y: top - line * 2, scale, width: sheet.width - left });
  for (const [i, value] of axes[0]!.values.entries())
    write(sheet, labelOf(value), { x: left + i * (size.width + gap), y: top - line, scale, width: size.width });
  for (const [row, labels] of rowLabels.entries()) {
    for (const [i, label] of labels.entries()) {
      const y = top + row * (size.height + gap) + i * glyphBox.height * scale;
      write(sheet, label, { x: gap, y, scale, width: left - gap * 2 });
    }
  }
  for (const [i, tile] of tiles.entries()) {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    place(sheet, tile ?? failed(size), left + column * (size.width + gap), top + row * (size.height + gap));
  }
  return sheet;
}

const widthOf = (tile: Pixels | undefined): number => tile?.width ?? 0;
const heightOf = (tile: Pixels | undefined): number => tile?.height ?? 0;

/** A line for each axis but the first. */
function rowLabel(axes: readonly Axis[], first: SweepCell | undefined): string[] {
  return axes.slice(1).map(({ field }) => `${field} ${labelOf(first?.values[field])}`);
}

async function tileOf({ image }: SweepCell, longest: number): Promise<Pixels | undefined> {
  if (image === undefined) return undefined;
  const pixels = await image.pixels();
  const side = Math.max(pixels.width, pixels.height);
  const times = Math.floor(longest / side);
  if (times > 1) return enlarged(pixels, times);
  if (side <= longest) return pixels;
  const share = longest / side;
  return resizeImage(
    pixels,
    Math.max(1, Math.round(pixels.width * share)),
    Math.max(1, Math.round(pixels.height * share)),
  );
}

function enlarged({ width, height, channels, data }: Pixels, times: number): Pixels {
  const large = {
    width: width * times,
    height: height * times,
    channels,
    data: new Uint8Array(width * height * channels * times ** 2),
  };
  for (let y = 0; y < large.height; y++) {
    for (let x = 0; x < large.width; x++) {
      const from = (Math.floor(y / times) * width + Math.floor(x / times)) * channels;
      large.data.set(data.subarray(from, from + channels), (y * large.width + x) * channels);
    }
  }
  return large;
}

function blank(width: number, height: number, value = 255): Pixels {
  return { width, height, channels: 3, data: new Uint8Array(width * height * 3).fill(value) };
}

function failed({ width, height }: { width: number; height: number }): Pixels {
  const field = blank(width, height, 220);
  write(field, "failed", { x: gap, y: gap, scale: 1, width });
  return field;
}

/** Letters beyond the width are left out, with an ellipsis. */
function write(
  sheet: Pixels,
  text: string,
  { x, y, scale, width }: { x: number; y: number; scale: number; width: number },
): void {
  const letters = [...text.replace(/\s+/g, " ")];
  const room = Math.max(1, Math.floor(width / (glyphBox.width * scale)));
  const shown = letters.length <= room ? letters : [...letters.slice(0, room - 1), "…"];
  for (const [i, letter] of shown.entries()) {
    for (const [row, bits] of glyphOf(letter).entries()) {
      for (let column = 0; column < 5; column++) {
        if ((bits >> (4 - column)) & 1) dot(sheet, x + (i * glyphBox.width + column) * scale, y + row * scale, scale);
      }
    }
  }
}

function dot({ width, height, data }: Pixels, x: number, y: number, scale: number): void {
  for (let dy = 0; dy < scale; dy++) {
    for (let dx = 0; dx < scale; dx++) {
      if (x + dx < width && y + dy < height)
        data.fill(ink, ((y + dy) * width + x + dx) * 3, ((y + dy) * width + x + dx) * 3 + 3);
    }
  }
}

function textWidth(text: string, scale: number): number {
  return [...text].length * glyphBox.width * scale;
}

/** What is transparent shows the sheet's white. */
function place(sheet: Pixels, tile: Pixels, left: number, top: number): void {
  for (let y = 0; y < tile.height; y++) {
    for (let x = 0; x < tile.width; x++) {
      const from = (y * tile.width + x) * tile.channels;
      const to = ((top + y) * sheet.width + left + x) * 3;
      const alpha = tile.channels === 4 ? tile.data[from + 3]! / 255 : 1;
      for (let band = 0; band < 3; band++)
        sheet.data[to + band] = Math.round(tile.data[from + band]! * alpha + 255 * (1 - alpha));
    }
  }
}
