import type { Pixels } from "@latentkit/core";
import { resize, type Size } from "./resize.ts";

/** A picture in lines of ▀, whose two halves are two pixels. Needs 256 colours; undefined below that. */
export function blocks(pixels: Pixels, size: Size, colorDepth: number): string | undefined {
  if (colorDepth < 8) return undefined;
  const rgb = resize(pixels, size);
  const color = colorDepth >= 24 ? trueColor : paletteColor;
  const at = (x: number, y: number) => {
    const first = (y * size.width + x) * 3;
    return color(rgb[first]!, rgb[first + 1]!, rgb[first + 2]!);
  };
  const lines: string[] = [];
  for (let y = 0; y < size.height; y += 2) {
    let line = "";
    for (let x = 0; x < size.width; x++) {
      line += `\u001B[38;${at(x, y)}${y + 1 < size.height ? `;48;${at(x, y + 1)}` : ""}m▀`;
    }
    lines.push(`${line}\u001B[0m`);
  }
  return lines.join("\n");
}

function trueColor(r: number, g: number, b: number): string {
  return `2;${r};${g};${b}`;
}

/** The nearest entry of the 6×6×6 cube in the 256-colour palette. */
function paletteColor(r: number, g: number, b: number): string {
  const level = (value: number) => (value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40));
  return `5;${16 + 36 * level(r) + 6 * level(g) + level(b)}`;
}
