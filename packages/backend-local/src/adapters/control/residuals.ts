/** Values of a tensor. */
export interface Values {
  data: Float32Array;
  dims: readonly number[];
}

/** What several add, value by value; `[n, channels, 1, 1]` is added to each place of a plane. Undefined of none. */
export function sum(all: readonly Values[]): Values | undefined {
  const [first, ...rest] = [...all].sort((a, b) => b.data.length - a.data.length);
  if (first === undefined || rest.length === 0) return first;
  const data = first.data.slice();
  for (const { data: more } of rest) {
    const plane = data.length / more.length;
    if (plane === 1) for (let i = 0; i < data.length; i++) data[i]! += more[i]!;
    else for (let i = 0; i < data.length; i++) data[i]! += more[Math.floor(i / plane)]!;
  }
  return { data, dims: first.dims };
}

/** One row `[1, …]` as the last of so many, the others of zeros. */
export function withZeroRows(row: Float32Array, [, ...rest]: readonly number[], count: number): Values {
  const data = new Float32Array(count * row.length);
  data.set(row, (count - 1) * row.length);
  return { data, dims: [count, ...rest] };
}
