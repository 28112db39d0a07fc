import type { LatentDims } from "../../families/family.ts";
import { type Interpolation, type Taps, tapsOf } from "../interpolation.ts";

/** A latent at another size. */
export function resizeLatent(
  latent: Float32Array,
  [channels, height, width]: LatentDims,
  [, rows, columns]: LatentDims,
  way: Interpolation,
): Float32Array {
  const [vertical, horizontal] = [tapsOf(height, rows, way), tapsOf(width, columns, way)];
  const wide = new Float32Array(channels * height * columns);
  for (let line = 0; line < channels * height; line++) {
    for (let x = 0; x < columns; x++)
      wide[line * columns + x] = at(horizontal, x, (place) => latent[line * width + place]!);
  }
  const result = new Float32Array(channels * rows * columns);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++)
        result[to++] = at(vertical, y, (place) => wide[(c * height + place) * columns + x]!);
    }
  }
  return result;
}

function at({ count, places, weights }: Taps, i: number, value: (place: number) => number): number {
  let sum = 0;
  for (let k = count * i; k < count * (i + 1); k++) sum += weights[k]! * value(places[k]!);
  return sum;
}
