/** A mask `[height, width]` at another size, by torch's bicubic interpolation without antialiasing, as diffusers brings it to each attention's. */
export function resizedMask(
  mask: Uint8Array,
  [height, width]: readonly [number, number],
  [rows, columns]: readonly [number, number],
): Float32Array {
  const [vertical, horizontal] = [taps(height, rows), taps(width, columns)];
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

/** Keys' kernel with a = −0.75. */
function taps(from: number, to: number) {
  const [a, scale] = [-0.75, from / to];
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => (((d - 5) * d + 8) * d - 4) * a;
  const [places, weights] = [new Int32Array(4 * to), new Float32Array(4 * to)];
  for (let i = 0; i < to; i++) {
    const at = (i + 0.5) * scale - 0.5;
    const [first, t] = [Math.floor(at), at - Math.floor(at)];
    const own = [far(t + 1), near(t), near(1 - t), far(2 - t)];
    for (let k = 0; k < 4; k++) {
      places[4 * i + k] = Math.min(from - 1, Math.max(0, first - 1 + k));
      weights[4 * i + k] = own[k]!;
    }
  }
  return { places, weights };
}
