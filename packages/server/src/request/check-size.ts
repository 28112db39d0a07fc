import { type GenerationRequest, UnsupportedError } from "@latentkit/core";
import type { ResolvedOptions } from "../server-options.ts";

interface Size {
  width: number;
  height: number;
}

/**
 * Holds the picture that a request makes against the server's largest.
 *
 * @throws UnsupportedError naming the field that makes it too large.
 */
export function checkSize(
  request: GenerationRequest,
  { maxPixels }: Pick<ResolvedOptions, "maxPixels">,
  input?: Size,
): void {
  const { field, width, height } = madeSize(request, input);
  const scale = request.hires?.scale ?? 1;
  const pixels = Math.round(width * height * scale * scale);
  if (pixels <= maxPixels) return;
  const message = `makes a picture of ${pixels} pixels; at most ${maxPixels} are drawn here (maxPixels)`;
  throw new UnsupportedError([{ field: scale > 1 ? "hires.scale" : field, message, allowed: { max: maxPixels } }], {
    backend: "server",
  });
}

function madeSize(request: GenerationRequest, input: Size = { width: 0, height: 0 }): Size & { field: string } {
  if (request.task === "upscale")
    return { field: "scale", width: input.width * request.scale, height: input.height * request.scale };
  if (request.task === "outpaint") {
    const { left, right, top, bottom } = request;
    return { field: "left", width: input.width + left + right, height: input.height + top + bottom };
  }
  const { width = input.width, height = input.height } = request;
  return { field: request.width === undefined ? "image" : "width", width, height };
}
