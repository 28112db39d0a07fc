/** The regular Hadamard matrix of 4, without its factor 1/2. */
const h4 = [
  [1, 1, 1, -1],
  [1, 1, -1, 1],
  [1, -1, 1, 1],
  [-1, 1, 1, 1],
] as const;

/**
 * ConvRot's rotation of `size` (a power of four) columns, row by row: the Kronecker power of H4 / 2. It is symmetric and orthogonal, and
 * so its own inverse. Its first rows are no constant vectors, unlike Sylvester's: a mean in the columns is spread as well.
 *
 * @see https://github.com/leejet/stable-diffusion.cpp/blob/master/docs/int8_convrot.md
 */
export function rotationMatrix(size: number): Float32Array {
  const factor = 1 / Math.sqrt(size);
  return Float32Array.from({ length: size * size }, (_, at) => {
    let [row, column] = [Math.floor(at / size), at % size];
    let sign = 1;
    for (let rest = size; rest > 1; rest /= 4) {
      sign *= h4[row % 4]![column % 4]!;
      [row, column] = [row >> 2, column >> 2];
    }
    return sign * factor;
  });
}

/** Rotates each group of `size` numbers that follow each other, in place. The same once more turns them back. */
export function rotateColumns(values: Float32Array, size: number): Float32Array {
  const group = new Float64Array(size);
  for (let at = 0; at < values.length; at += size) {
    group.set(values.subarray(at, at + size));
    for (let step = 1; step < size; step *= 4) {
      for (let i = 0; i < size; i++) {
        if (Math.floor(i / step) % 4 !== 0) continue;
        const [a, b, c, d] = [group[i]!, group[i + step]!, group[i + 2 * step]!, group[i + 3 * step]!];
        group[i] = (a + b + c - d) / 2;
        group[i + step] = (a + b - c + d) / 2;
        group[i + 2 * step] = (a - b + c + d) / 2;
        group[i + 3 * step] = (-a + b + c + d) / 2;
      }
    }
    values.set(group, at);
  }
  return values;
}
