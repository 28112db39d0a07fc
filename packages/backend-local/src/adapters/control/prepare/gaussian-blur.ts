/** Planes `[channels][height·width]` of a picture's channels, blurred; borders are mirrored without the edge itself, the kernel is 4σ wide each way. */
export function gaussianBlur(plane: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const radius = Math.round(sigma * 4);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const weights = kernel.map((value) => value / total);
  const across = alongRows(plane, width, height, weights, radius);
  return turned(alongRows(turned(across, width, height), height, width, weights, radius), height, width);
}

function alongRows(plane: Float32Array, width: number, height: number, weights: Float32Array, radius: number) {
  const result = new Float32Array(plane.length);
  const place = Int32Array.from({ length: width + 2 * radius }, (_, i) => mirrored(i - radius, width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * plane[y * width + place[x + k]!]!;
      result[y * width + x] = sum;
    }
  }
  return result;
}

function mirrored(at: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((at % period) + period) % period;
  return within < size ? within : period - within;
}

function turned(plane: Float32Array, width: number, height: number): Float32Array {
  const result = new Float32Array(plane.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result[x * height + y] = plane[y * width + x]!;
  return result;
}
