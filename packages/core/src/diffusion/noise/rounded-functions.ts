import { add, type DoubleDouble, divide, multiply, productOf, sumOf } from "./double-double.ts";

// Engines differ in the last bits of Math.log, sin and cos; the C library that torch asks is within 0.52 of a last place. These are the true
// values' nearest doubles but for one in some thousand million, so they differ from torch's only where its library errs.

const LN2: DoubleDouble = [Math.LN2, 2.3190468138462996e-17];
/** π / 128 in three parts; the first two have so few bits that 256 times them is exact. */
const STEP_PARTS = threeParts(Math.PI / 128, 1.2246467991473532e-16 / 128);
const STEPS = 64;

let logarithms: readonly DoubleDouble[] | undefined;
let sines: readonly DoubleDouble[] | undefined;

/** ln x, rounded to nearest, of a normal double x > 0. */
export function roundedLog(x: number): number {
  const [mantissa, exponent] = split(x);
  logarithms ??= Array.from({ length: 91 }, (_, i) => logOf((i + 91) / 128));
  const nearest = Math.round(mantissa * 128);
  const c = nearest / 128;
  const distance = mantissa - c;
  const q = distance / c;
  const [product, rest] = productOf(q, c);
  const qLow = (distance - product - rest) / c;
  const [square, squareLow] = productOf(q, q);
  const tail = q * square * (1 / 3 - q * (1 / 4 - q * (1 / 5 - q * (1 / 6 - q * (1 / 7 - q * (1 / 8 - q / 9))))));
  const [log, logLow] = logarithms[nearest - 91]!;
  const [power, powerLow] = productOf(exponent, LN2[0]);
  const whole = add([power, powerLow + exponent * LN2[1]], [log, logLow]);
  const part = add(sumOf(q, qLow), [-square / 2, -squareLow / 2 - q * qLow + tail]);
  const [sum, low] = add(whole, part);
  return sum + low;
}

/** sin and cos of an angle from 0 to 2π, rounded to nearest. */
export function roundedSinCos(angle: number): readonly [sin: number, cos: number] {
  sines ??= quarterOfSines();
  const n = Math.round(angle / (Math.PI / 128));
  const [r, rLow] = add(sumOf(angle - n * STEP_PARTS[0], -n * STEP_PARTS[1]), [-n * STEP_PARTS[2], 0]);
  const square = r * r;
  const sinTail = r * square * (-1 / 6 + square * (1 / 120 - square * (1 / 5040 - square / 362880)));
  const cosLess = square * (-1 / 2 + square * (1 / 24 - square * (1 / 720 - square / 40320))) - r * rLow;
  const j = n % STEPS;
  const sin = turned(sines[j]!, sines[STEPS - j]!, r, rLow + sinTail, cosLess);
  const cos = turned(sines[STEPS - j]!, negative(sines[j]!), r, rLow + sinTail, cosLess);
  const quadrant = Math.floor(n / STEPS) % 4;
  if (quadrant === 0) return [sin, cos];
  if (quadrant === 1) return [cos, -sin];
  return quadrant === 2 ? [-sin, -cos] : [-cos, sin];
}

/** `s·cos r + c·sin r`, where sin r is `r + rest` and cos r is `1 + less`. */
function turned([s, sLow]: DoubleDouble, [c, cLow]: DoubleDouble, r: number, rest: number, less: number): number {
  const [product, productLow] = productOf(c, r);
  const [sum, sumLow] = sumOf(s, product);
  return sum + (sumLow + productLow + (sLow + s * less + c * rest + cLow * r));
}

/** x as `mantissa · 2^exponent`, the mantissa from √½ to √2. */
function split(x: number): [mantissa: number, exponent: number] {
  view.setFloat64(0, x);
  const bits = view.getUint32(0);
  const exponent = (bits >>> 20) - 1023;
  view.setUint32(0, (bits & 0xfffff) | 0x3ff00000);
  const mantissa = view.getFloat64(0);
  return mantissa > Math.SQRT2 ? [mantissa / 2, exponent + 1] : [mantissa, exponent];
}

const view = new DataView(new ArrayBuffer(8));

/** ln c = 2 artanh((c − 1) / (c + 1)), to a double-double's precision. */
function logOf(c: number): DoubleDouble {
  const z = divide([c - 1, 0], [c + 1, 0]);
  const square = multiply(z, z);
  let sum: DoubleDouble = [0, 0];
  for (let k = 45; k >= 1; k -= 2) sum = add(multiply(sum, square), divide([1, 0], [k, 0]));
  return multiply([2, 0], multiply(z, sum));
}

/** sin of 0, π/128 … π/2. */
function quarterOfSines(): DoubleDouble[] {
  const angle: DoubleDouble = [Math.PI / 128, 1.2246467991473532e-16 / 128];
  return Array.from({ length: STEPS + 1 }, (_, j) => {
    if (j === 0 || j === STEPS) return [j / STEPS, 0];
    const x = multiply(angle, [j, 0]);
    const square = multiply(x, x);
    let sum: DoubleDouble = [1, 0];
    for (let k = 33; k >= 3; k -= 2) sum = add([1, 0], divide(multiply(negative(square), sum), [k * (k - 1), 0]));
    return multiply(x, sum);
  });
}

function negative([high, low]: DoubleDouble): DoubleDouble {
  return [-high, -low];
}

/** A double-double as three parts, of which the first two have 33 bits each. */
function threeParts(high: number, low: number): readonly [number, number, number] {
  const first = Math.round(high * 2 ** 38) / 2 ** 38;
  const left = high - first;
  const second = Math.round(left * 2 ** 72) / 2 ** 72;
  return [first, second, left - second + low];
}
