/** A matrix `[rows, columns]`, row by row. */
export interface Matrix {
  rows: number;
  columns: number;
  data: Float32Array;
}

/** `a·b`. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const data = new Float32Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k]!;
      if (factor === 0) continue;
      const [to, from] = [i * b.columns, k * b.columns];
      for (let j = 0; j < b.columns; j++) data[to + j] = data[to + j]! + factor * b.data[from + j]!;
    }
  }
  return { rows: a.rows, columns: b.columns, data };
}

export function transpose({ rows, columns, data }: Matrix): Matrix {
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!;
  return { rows: columns, columns: rows, data: turned };
}

/** `factor·a`. */
export function scale(a: Matrix, factor: number): Matrix {
  return scaleOwn({ ...a, data: a.data.slice() }, factor);
}

/** `factor·a` in `a`'s own memory: of one that nobody else has. */
export function scaleOwn(a: Matrix, factor: number): Matrix {
  const { data } = a;
  if (factor !== 1) for (let i = 0; i < data.length; i++) data[i] = data[i]! * factor;
  return a;
}

/** Element by element. */
export function hadamard(a: Matrix, b: Matrix): Matrix {
  return { ...a, data: a.data.map((value, i) => value * b.data[i]!) };
}

export function add(a: Matrix, b: Matrix): Matrix {
  return { ...a, data: a.data.map((value, i) => value + b.data[i]!) };
}

/** Kronecker's product of `a` `[m, n]` and `b` `[p, q·kernel]`, whose columns are `kernel` apart: `[m·p, n·q·kernel]`. */
export function kronecker(a: Matrix, b: Matrix): Matrix {
  const [rows, columns] = [a.rows * b.rows, a.columns * b.columns];
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) {
      const factor = a.data[i * a.columns + j]!;
      for (let p = 0; p < b.rows; p++) {
        const to = (i * b.rows + p) * columns + j * b.columns;
        for (let q = 0; q < b.columns; q++) data[to + q] = factor * b.data[p * b.columns + q]!;
      }
    }
  }
  return { rows, columns, data };
}
