import type { GenerationRequest } from "@latentkit/core";
import { z } from "zod";
import { invalidField } from "../../invalid-field.ts";
import type { TileSizes } from "./tiles.ts";
import type { UpscalerShape } from "./upscaler-network.ts";

/** What `backendOptions.local` of a request may say to an upscaler. */
export const tileOptionsSchema = z.strictObject({
  /** Longest side of what the network sees at once, in the picture's pixels: memory grows with its square. Default 256. */
  tileSize: z.int().min(16).max(4096).optional(),
  /** How many pixels of its neighbours a tile is seen with on each side. Default 16 of the network's own: 32 or 64 where it sees squares as one. */
  tileOverlap: z.int().min(0).max(512).optional(),
});

/** How pictures are cut where a request says nothing. */
export function defaultTiles({ multipleOf }: Pick<UpscalerShape, "multipleOf">, tileSize = 256): TileSizes {
  return { tileSize, tileOverlap: Math.min(16 * multipleOf, Math.floor(tileSize / 4)) };
}

/** @throws InvalidRequestError where nothing of a tile would be kept. */
export function tileSizesOf({ backendOptions }: GenerationRequest, shape: UpscalerShape): TileSizes {
  const given = tileOptionsSchema.parse(backendOptions.local ?? {});
  const { tileSize, tileOverlap } = { ...defaultTiles(shape, given.tileSize), ...given } as TileSizes;
  if (2 * tileOverlap < tileSize) return { tileSize, tileOverlap };
  const message = `must be below half of the tileSize, ${tileSize}: a tile keeps what is not overlap`;
  throw invalidField("backendOptions.local.tileOverlap", message);
}
