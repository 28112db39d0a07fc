import type { Pixels } from "@latentkit/core";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { LatentDims } from "../family.ts";

type Colour = readonly [red: number, green: number, blue: number];

/** What each channel of a latent adds to a square's colour, and what they begin with; colours are −1 to 1. */
export interface LatentColours {
  readonly factors: readonly Colour[];
  readonly bias: Colour;
}

/** A rough picture of a latent, a pixel for each of its squares, at next to no cost. */
export function colourPicture(
  latent: Float32Array,
  [, height, width]: LatentDims,
  { factors, bias }: LatentColours,
): Pixels {
  const plane = height * width;
  const planes = new Float32Array(3 * plane);
  for (const [c, start] of bias.entries()) {
    const colour = planes.subarray(c * plane, (c + 1) * plane).fill(start);
    for (const [channel, factor] of factors.entries())
      for (let i = 0; i < plane; i++) colour[i]! += factor[c]! * latent[channel * plane + i]!;
  }
  return toPixels(planes, width, height);
}

/** Of FLUX.1's VAE, which Z-Image has too: fitted for ComfyUI. */
export const fluxColours: LatentColours = {
  factors: [
    [-0.0346, 0.0244, 0.0681],
    [0.0034, 0.021, 0.0687],
    [0.0275, -0.0668, -0.0433],
    [-0.0174, 0.016, 0.0617],
    [0.0859, 0.0721, 0.0329],
    [0.0004, 0.0383, 0.0115],
    [0.0405, 0.0861, 0.0915],
    [-0.0236, -0.0185, -0.0259],
    [-0.0245, 0.025, 0.118],
    [0.1008, 0.0755, -0.0421],
    [-0.0515, 0.0201, 0.0011],
    [0.0428, -0.0012, -0.0036],
    [0.0817, 0.0765, 0.0749],
    [-0.1264, -0.0522, -0.1103],
    [-0.028, -0.0881, -0.0499],
    [-0.1262, -0.0982, -0.0778],
  ],
  bias: [-0.0329, -0.0718, -0.0851],
};
