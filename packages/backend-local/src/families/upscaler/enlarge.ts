import type { Network } from "../../engine/network.ts";
import type { Runtime } from "../../engine/runtime.ts";
import { requireFinite } from "../../pipeline/require-finite.ts";
import type { OnProgress } from "../family.ts";
import type { ColourPlanes } from "./colour-planes.ts";
import { type TileSizes, tilesOver } from "./tiles.ts";
import type { UpscalerShape } from "./upscaler-network.ts";

/** How a picture is enlarged. */
export interface EnlargeOptions extends UpscalerShape, TileSizes {
  runtime: Runtime;
  signal: AbortSignal;
  onProgress?: OnProgress | undefined;
}

/**
 * A picture through an upscaling network, tile by tile. Each tile is seen with `tileOverlap` pixels of its neighbours around it, and what becomes of
 * those is cut off again: where they are as many as the network looks around, tiles leave no trace.
 */
export async function enlarge(
  network: Network,
  picture: ColourPlanes,
  { factor, multipleOf, tileSize, tileOverlap, runtime, signal, onProgress }: EnlargeOptions,
): Promise<ColourPlanes> {
  const { width, height } = picture;
  const padded = reflected(picture, upTo(width, multipleOf), upTo(height, multipleOf));
  const across = tilesOver(padded.width, { tileSize, tileOverlap, multipleOf });
  const down = tilesOver(padded.height, { tileSize, tileOverlap, multipleOf });
  const result = { width: width * factor, height: height * factor };
  const data = new Float32Array(3 * result.width * result.height);
  let done = 0;
  for (const row of down) {
    for (const column of across) {
      const [w, h] = [column.to - column.from, row.to - row.from];
      const seen = new runtime.Tensor("float32", cut(padded, column.from, row.from, w, h), [1, 3, h, w]);
      const made = (await network.run({ picture: seen }, "enlarged", signal)).data as Float32Array;
      requireFinite(made, "upscaler");
      const [x0, x1] = [column.keepFrom * factor, Math.min(column.keepTo, width) * factor];
      const [y0, y1] = [row.keepFrom * factor, Math.min(row.keepTo, height) * factor];
      for (let c = 0; c < 3; c++) {
        for (let y = y0; y < y1; y++) {
          const at = (c * h * factor + y - row.from * factor) * w * factor - column.from * factor;
          data.set(made.subarray(at + x0, at + x1), (c * result.height + y) * result.width + x0);
        }
      }
      onProgress?.(++done, across.length * down.length);
    }
  }
  return { ...result, data };
}

function upTo(side: number, multipleOf: number): number {
  return Math.ceil(side / multipleOf) * multipleOf;
}

/** Larger at the right and the bottom, by its own reflection, as Real-ESRGAN pads. */
function reflected(picture: ColourPlanes, width: number, height: number): ColourPlanes {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Float32Array(3 * width * height);
  const back = (i: number, side: number) => (i < side ? i : Math.max(0, 2 * side - 2 - i));
  for (let c = 0, to = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const row = (c * picture.height + back(y, picture.height)) * picture.width;
      for (let x = 0; x < width; x++) data[to++] = picture.data[row + back(x, picture.width)]!;
    }
  }
  return { width, height, data };
}

function cut({ width, height, data }: ColourPlanes, left: number, top: number, w: number, h: number): Float32Array {
  if (w === width && h === height) return data;
  const part = new Float32Array(3 * w * h);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < h; y++) {
      const from = (c * height + top + y) * width + left;
      part.set(data.subarray(from, from + w), (c * h + y) * w);
    }
  }
  return part;
}
