/** `out ← a·x + b·y`; any of the arrays may be the same one. Sums are made in double precision, then rounded once. */
export function blend2(out: Float32Array, a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = a * x[i]! + b * y[i]!;
  return out;
}

/** `out ← a·x + b·y + c·z`, as {@link blend2}. */
export function blend3(
  out: Float32Array,
  a: number,
  x: Float32Array,
  b: number,
  y: Float32Array,
  c: number,
  z: Float32Array,
): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = a * x[i]! + b * y[i]! + c * z[i]!;
  return out;
}

/** `out ← Σ weights[k]·terms[k]`; terms of weight 0 are not read, so a NaN in one can't spread. */
export function blend(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  const used = weights.flatMap((weight, k) => (weight === 0 ? [] : [{ weight, term: terms[k]! }]));
  const [p, q, r, s, ...rest] = used;
  if (!p) return out.fill(0);
  if (!q) return blend2(out, p.weight, p.term, 0, p.term);
  if (!r) return blend2(out, p.weight, p.term, q.weight, q.term);
  if (!s) return blend3(out, p.weight, p.term, q.weight, q.term, r.weight, r.term);
  const [a, b, c, d] = [p.weight, q.weight, r.weight, s.weight];
  const [w, x, y, z] = [p.term, q.term, r.term, s.term];
  if (rest.length === 0) {
    for (let i = 0; i < out.length; i++) out[i] = a * w[i]! + b * x[i]! + c * y[i]! + d * z[i]!;
    return out;
  }
  for (let i = 0; i < out.length; i++) {
    let sum = a * w[i]! + b * x[i]! + c * y[i]! + d * z[i]!;
    for (const { weight, term } of rest) sum += weight * term[i]!;
    out[i] = sum;
  }
  return out;
}
