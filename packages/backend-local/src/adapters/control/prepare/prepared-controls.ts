import type { Pixels } from "@latentkit/core";
import { canny } from "./canny.ts";
import { lineArt, scribble } from "./lines.ts";

/** A prepared control picture. */
export interface Prepared {
  pixels: Pixels;
  /** 1 in the pixels that inpainting is to fill. */
  hidden?: Uint8Array;
}

/** What makes a control picture of a photo, by control. What is not here needs a network that knows how. */
export const preparedControls: Readonly<Record<string, (photo: Pixels, mask: Pixels | undefined) => Prepared>> = {
  canny: (photo) => ({ pixels: canny(photo) }),
  "line-art": (photo) => ({ pixels: lineArt(photo) }),
  scribble: (photo) => ({ pixels: scribble(photo) }),
  // Such a network is shown the photo itself.
  tile: (photo) => ({ pixels: photo }),
  inpaint: (photo, mask) => hiding(photo, mask!),
};

/** The photo with black in the places to paint, which the network is told of by −1. */
function hiding(photo: Pixels, mask: Pixels): Prepared {
  const { width, height, channels } = photo;
  const hidden = new Uint8Array(width * height);
  const data = new Uint8Array(photo.data);
  for (let i = 0; i < hidden.length; i++) {
    const at = i * mask.channels;
    const luma = (mask.data[at]! * 19595 + mask.data[at + 1]! * 38470 + mask.data[at + 2]! * 7471 + 32768) >> 16;
    if (luma < 128) continue;
    hidden[i] = 1;
    data.fill(0, i * channels, i * channels + 3);
  }
  return { pixels: { width, height, channels, data }, hidden };
}
