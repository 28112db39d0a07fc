import type { GeneratedImage } from "@latentkit/core";
import { cellsOf, graphicsOf, roomIn } from "./drawing.ts";
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
  const graphics = graphicsOf(stream);
  const pixels = await image.pixels();
  const size = fit(pixels, roomIn(stream));
  const cells = cellsOf(size);
  if (graphics === "kitty") return kitty(await image.bytes("png"), cells);
  if (graphics === "iterm2") return iterm2(await image.bytes("png"), cells);
  if (graphics === "sixel") return (await import("./sixel.ts")).sixels(pixels, cells);
  return blocks(pixels, size, stream.getColorDepth());
}
