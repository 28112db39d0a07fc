import type { GeneratedImage } from "@latentkit/core";
import { createSupportsTerminalGraphics } from "supports-terminal-graphics";
import { blocks } from "./half-blocks.ts";
import { iterm2, kitty } from "./inline-images.ts";
import { fit } from "./resize.ts";

/**
 * A picture as text for a terminal: by the terminal's own image protocol (kitty, iTerm2, sixel) where it has one, else
 * in half-blocks of colour.
 *
 * @returns undefined where the terminal has too few colours to show one.
 */
export async function drawPicture(image: GeneratedImage, stream: NodeJS.WriteStream): Promise<string | undefined> {
  const pixels = await image.pixels();
  const { kitty: hasKitty, iterm2: hasIterm2, sixel: hasSixel } = createSupportsTerminalGraphics(stream);
  // A cell is about twice as high as wide, so half a cell is square.
  const room = {
    width: Math.min(64, stream.columns ?? 80),
    height: 2 * Math.min(32, Math.max(2, (stream.rows ?? 24) - 3)),
  };
  const { width, height } = fit(pixels, room);
  const cells = { columns: width, rows: Math.ceil(height / 2) };
  if (hasKitty) return kitty(await image.bytes("png"), cells);
  if (hasIterm2) return iterm2(await image.bytes("png"), cells);
  if (hasSixel) return (await import("./sixel.ts")).sixels(pixels, cells);
  return blocks(pixels, { width, height }, stream.getColorDepth());
}
