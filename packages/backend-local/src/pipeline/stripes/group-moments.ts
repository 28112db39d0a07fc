/** Means of a picture's channels and sums of the squared deviations from them, over `count` values each. */
export interface ChannelMoments {
  count: number;
  mean: Float64Array;
  squares: Float64Array;
}

/** The moments of two parts together (Chan, Golub & LeVeque 1979). */
export function merged(a: ChannelMoments | undefined, b: ChannelMoments): ChannelMoments {
  if (a === undefined) return b;
  const count = a.count + b.count;
  const mean = new Float64Array(a.mean.length);
  const squares = new Float64Array(a.mean.length);
  for (let c = 0; c < mean.length; c++) {
    const apart = b.mean[c]! - a.mean[c]!;
    mean[c] = a.mean[c]! + (apart * b.count) / count;
    squares[c] = a.squares[c]! + b.squares[c]! + (apart * apart * a.count * b.count) / count;
  }
  return { count, mean, squares };
}

/** For each channel its group's mean, and one over its group's standard deviation: what a group normalisation takes. */
export function groupMoments({ count, mean, squares }: ChannelMoments, groups: number, epsilon: number) {
  const channels = mean.length;
  const each = channels / groups;
  const means = new Float32Array(channels);
  const rates = new Float32Array(channels);
  for (let from = 0; from < channels; from += each) {
    const group = mean.subarray(from, from + each);
    const centre = group.reduce((sum, value) => sum + value, 0) / each;
    const apart = group.reduce((sum, value) => sum + (value - centre) ** 2, 0) * count;
    const within = squares.subarray(from, from + each).reduce((sum, value) => sum + value, 0);
    means.fill(centre, from, from + each);
    rates.fill(1 / Math.sqrt((within + apart) / (count * each) + epsilon), from, from + each);
  }
  return { means, rates };
}
