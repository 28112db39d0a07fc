/** `numpy.linspace(start, end, n)` in double precision. */
export function linspace(start: number, end: number, n: number): Float64Array {
  const step = n > 1 ? (end - start) / (n - 1) : 0;
  return Float64Array.from({ length: n }, (_, i) => (i === n - 1 && n > 1 ? end : start + step * i));
}

/** Rounds halves to the even neighbour, as numpy and torch do. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** `numpy.interp(x, 0…n−1, table)`: linear between the table's entries, clipped to its ends. */
export function interpolate(x: number, table: ArrayLike<number>): number {
  const last = table.length - 1;
  if (x <= 0) return table[0]!;
  if (x >= last) return table[last]!;
  const low = Math.floor(x);
  const slope = table[low + 1]! - table[low]!;
  return slope * (x - low) + table[low]!;
}
