// The length is read before each loop: V8 does not take it out of one that writes to a typed array, which costs a factor of three.

/** `out ← a·x + b·y`; any of the arrays may be the same one. Sums are made in double precision, then rounded once. */
export function blend2(out: Float32Array, a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  for (let i = 0, length = out.length; i < length; i++) out[i] = a * x[i]! + b * y[i]!;
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
  for (let i = 0, length = out.length; i < length; i++) out[i] = a * x[i]! + b * y[i]! + c * z[i]!;
  return out;
}

/** `out ← Σ weights[k]·terms[k]`; terms of weight 0 are not read, so a NaN in one can't spread. */
export function blend(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  const used: number[] = [];
  for (let k = 0; k < weights.length; k++) if (weights[k] !== 0) used.push(k);
  const weight = (place: number) => weights[used[place]!]!;
  const term = (place: number) => terms[used[place]!]!;
  switch (used.length) {
    case 0:
      return out.fill(0);
    case 1:
      return scale(out, weight(0), term(0));
    case 2:
      return blend2(out, weight(0), term(0), weight(1), term(1));
    case 3:
      return blend3(out, weight(0), term(0), weight(1), term(1), weight(2), term(2));
    case 4:
      return blend4(out, weight(0), term(0), weight(1), term(1), weight(2), term(2), weight(3), term(3));
    case 5:
      return blend5(
        out,
        weight(0),
        term(0),
        weight(1),
        term(1),
        weight(2),
        term(2),
        weight(3),
        term(3),
        weight(4),
        term(4),
      );
    default:
      return blendMany(
        out,
        used.map((k) => weights[k]!),
        used.map((k) => terms[k]!),
      );
  }
}

function scale(out: Float32Array, a: number, x: Float32Array): Float32Array {
  for (let i = 0, length = out.length; i < length; i++) out[i] = a * x[i]!;
  return out;
}

// Loops over a list of terms inside the loop over values, or arguments in arrays, would be several times slower than these.

function blend4(
  out: Float32Array,
  a: number,
  w: Float32Array,
  b: number,
  x: Float32Array,
  c: number,
  y: Float32Array,
  d: number,
  z: Float32Array,
): Float32Array {
  for (let i = 0, length = out.length; i < length; i++) out[i] = a * w[i]! + b * x[i]! + c * y[i]! + d * z[i]!;
  return out;
}

function blend5(
  out: Float32Array,
  a: number,
  v: Float32Array,
  b: number,
  w: Float32Array,
  c: number,
  x: Float32Array,
  d: number,
  y: Float32Array,
  e: number,
  z: Float32Array,
): Float32Array {
  for (let i = 0, length = out.length; i < length; i++)
    out[i] = a * v[i]! + b * w[i]! + c * x[i]! + d * y[i]! + e * z[i]!;
  return out;
}

function blendMany(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  for (let i = 0, length = out.length; i < length; i++) {
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += weights[k]! * terms[k]![i]!;
    out[i] = sum;
  }
  return out;
}
