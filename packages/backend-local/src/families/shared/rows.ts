/** Rows of numbers, one for each pass: `[rows, …]`. */
export interface Rows {
  data: Float32Array;
  dims: readonly number[];
}

/** Two values side by side along the last dimension: `[…, a]` and `[…, b]` are `[…, a + b]`. */
export function besideEachOther(a: Rows, b: Rows): Rows {
  const [m, n] = [a.dims.at(-1)!, b.dims.at(-1)!];
  if (a.dims.slice(0, -1).join() !== b.dims.slice(0, -1).join())
    throw new Error(`[${a.dims}] and [${b.dims}] cannot stand side by side`);
  const data = new Float32Array(a.data.length + b.data.length);
  for (let i = 0, count = a.data.length / m; i < count; i++) {
    data.set(a.data.subarray(i * m, (i + 1) * m), i * (m + n));
    data.set(b.data.subarray(i * n, (i + 1) * n), i * (m + n) + m);
  }
  return { data, dims: [...a.dims.slice(0, -1), m + n] };
}
