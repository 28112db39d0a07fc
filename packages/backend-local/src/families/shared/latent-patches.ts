import type { LatentDims } from "../family.ts";

/** In which order a block of 2×2 squares gives its numbers: channel by channel, or square by square. */
export type PatchOrder = "channels first" | "squares first";

/** A latent `[channels, height, width]` as tokens `[height/2 · width/2, 4·channels]`, one for each block of 2×2, row by row. */
export function toPatches(latent: Float32Array, dims: LatentDims, order: PatchOrder): Float32Array {
  const tokens = new Float32Array(latent.length);
  eachNumber(dims, order, (inLatent, inTokens) => {
    tokens[inTokens] = latent[inLatent]!;
  });
  return tokens;
}

/** The latent of {@link toPatches}' tokens; there may be more tokens than it takes. */
export function fromPatches(tokens: Float32Array, dims: LatentDims, order: PatchOrder): Float32Array {
  const latent = new Float32Array(dims[0] * dims[1] * dims[2]);
  eachNumber(dims, order, (inLatent, inTokens) => {
    latent[inLatent] = tokens[inTokens]!;
  });
  return latent;
}

function eachNumber(
  [channels, height, width]: LatentDims,
  order: PatchOrder,
  visit: (inLatent: number, inTokens: number) => void,
): void {
  const [ofChannel, ofSquare] = order === "channels first" ? [4, 1] : [1, channels];
  for (let c = 0, at = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, at++) {
        const token = (y >> 1) * (width >> 1) + (x >> 1);
        const square = 2 * (y & 1) + (x & 1);
        visit(at, token * 4 * channels + c * ofChannel + square * ofSquare);
      }
}
