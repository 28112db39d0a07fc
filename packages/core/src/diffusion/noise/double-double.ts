/**
 * A number as the sum of two doubles, the second below the first's last bit: some 106 bits. Dekker 1971
 * (https://doi.org/10.1007/BF01397083).
 */
export type DoubleDouble = readonly [high: number, low: number];

/** The sum of two doubles, exactly. */
export function sumOf(a: number, b: number): DoubleDouble {
  const sum = a + b;
  const part = sum - a;
  return [sum, a - (sum - part) + (b - part)];
}

/** The product of two doubles, exactly. */
export function productOf(a: number, b: number): DoubleDouble {
  const product = a * b;
  const [aHigh, bHigh] = [upper(a), upper(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

export function add([a, aLow]: DoubleDouble, [b, bLow]: DoubleDouble): DoubleDouble {
  const [sum, rest] = sumOf(a, b);
  return sumOf(sum, rest + (aLow + bLow));
}

export function multiply([a, aLow]: DoubleDouble, [b, bLow]: DoubleDouble): DoubleDouble {
  const [product, rest] = productOf(a, b);
  return sumOf(product, rest + (a * bLow + aLow * b));
}

export function divide(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const first = a[0] / b[0];
  const left = add(a, multiply(b, [-first, 0]));
  const second = left[0] / b[0];
  const rest = add(left, multiply(b, [-second, 0]));
  return add(sumOf(first, second), [rest[0] / b[0], 0]);
}

/** A double's upper 26 bits. */
function upper(a: number): number {
  const scaled = 134217729 * a;
  return scaled - (scaled - a);
}
