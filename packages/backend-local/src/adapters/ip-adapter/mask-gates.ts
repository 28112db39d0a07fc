import { tapsOf } from "../../pipeline/interpolation.ts";

/** A mask `[height, width]` at another size, by torch's bicubic interpolation without antialiasing, as diffusers brings it to each attention's. */
export function resizedMask(
  mask: Uint8Array,
  [height, width]: readonly [number, number],
  [rows, columns]: readonly [number, number],
): Float32Array {
  const [vertical, horizontal] = [tapsOf(height, rows, "bicubic"), tapsOf(width, columns, "bicubic")];
  const result = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        const row = vertical.places[4 * y + i]! * width;
        for (let j = 0; j < 4; j++) {
          const weight = vertical.weights[4 * y + i]! * horizontal.weights[4 * x + j]!;
          sum += weight * mask[row + horizontal.places[4 * x + j]!]!;
        }
      }
      result[y * columns + x] = sum;
    }
  }
  return result;
}
