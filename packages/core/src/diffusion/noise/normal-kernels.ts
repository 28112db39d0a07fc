import {
  add,
  assemble,
  bits,
  type Code,
  constant,
  doubles,
  f32x4,
  f64x2,
  floats,
  get,
  i32,
  i32x4,
  i64x2,
  type KernelFunction,
  lessThan,
  load64,
  load128,
  repeat,
  set,
  store64,
  store128,
  tee,
  v128,
  words,
} from "../kernels/assembler.ts";
import {
  COSINE,
  FOUR_OVER_PI,
  LN2_HIGH,
  LN2_LOW,
  LOGARITHM,
  QUARTER_PI,
  SINE,
  SQRT_HALF,
  TWO_PI,
} from "./box-muller.ts";
import { M, N } from "./mersenne-twister.ts";

/** What the module exports: torch's normals in three stages, all over its memory. */
export interface NormalKernels {
  /** The next 624 words of MT19937 over the last ones, at address 0; the four words after them are its own. */
  twist(): void;
  /** Tempers words into uniforms of 24 bits, from `words` to `out`, up to `end`; it may write 12 bytes more. */
  uniforms(words: number, out: number, end: number): void;
  /** Box–Muller over blocks of 16 uniforms, from `from` up to `end`, both multiples of 64. */
  normals(from: number, end: number): void;
}

/** The module's bytes, about six kilobytes. Each step is the one of mersenne-twister.ts and box-muller.ts, so the bits are too. */
export function normalModule(): Uint8Array<ArrayBuffer> {
  return assemble([twist(), uniforms(), normals()]);
}

const at = { address: 0, vector: 1 };

/** Four words: the one M ahead, or N − M back, xor the mix of a word's top bit and the next one's others. */
function twistAt(ahead: number): Code {
  const place = get(at.address);
  const mixed = bits.or(
    bits.and(load128(place), words(0x80000000)),
    tee(at.vector, bits.and(load128(place, 4), words(0x7fffffff))),
  );
  const odd = i32x4.equal(bits.and(get(at.vector), words(1)), words(1));
  return store128(
    place,
    bits.xor(
      bits.xor(load128(add(place, constant(4 * ahead))), i32x4.shiftRight(mixed, constant(1))),
      bits.and(odd, words(0x9908b0df)),
    ),
  );
}

const next = (end: number): Code => lessThan(tee(at.address, add(get(at.address), constant(16))), constant(4 * end));

const twist = (): KernelFunction => ({
  name: "twist",
  params: [],
  locals: [i32, v128],
  body: [
    ...twistAt(M),
    // The first new words follow the last old ones, whose mix and whose M ahead they are.
    ...store128(constant(4 * N), load128(constant(0))),
    ...set(at.address, constant(16)),
    ...repeat(twistAt(M), next(N - M + 1)),
    ...repeat(twistAt(M - N), next(N)),
  ],
});

const uniforms = (): KernelFunction => ({
  name: "uniforms",
  params: [i32, i32, i32],
  locals: [v128],
  body: repeat(
    [
      ...set(3, load128(get(0))),
      ...set(3, bits.xor(get(3), i32x4.shiftRight(get(3), constant(11)))),
      ...set(3, bits.xor(get(3), bits.and(i32x4.shiftLeft(get(3), constant(7)), words(0x9d2c5680)))),
      ...set(3, bits.xor(get(3), bits.and(i32x4.shiftLeft(get(3), constant(15)), words(0xefc60000)))),
      ...set(3, bits.and(bits.xor(get(3), i32x4.shiftRight(get(3), constant(18))), words(0xffffff))),
      ...store128(get(1), f32x4.mul(f32x4.fromWords(get(3)), floats(2 ** -24))),
      ...set(0, add(get(0), constant(16))),
    ],
    lessThan(tee(1, add(get(1), constant(16))), get(2)),
  ),
});

/** Two float64 lanes of each of a block's four groups. */
type Lanes = readonly [Code, Code, Code, Code];

/**
 * box-muller.ts over a block of 16, in doubles, each of its roundings to float32 made by going there and back. A pair's calculation is a
 * chain in which each step waits for the last; so the four groups of two pairs are taken a step further in turn.
 */
function normals(): KernelFunction {
  const [from, end] = [0, 1];
  const before: number[] = [];
  const code: number[] = [];
  let locals = 0;
  const local = (into: number[], value: Code): Code => {
    into.push(...set(2 + locals, value));
    return get(2 + locals++);
  };
  const known = new Map<number, Code>();
  const constantly = (value: number): Code => {
    const place = known.get(value) ?? local(before, doubles(value));
    known.set(value, place);
    return place;
  };
  const each = (make: (group: number) => Code): Lanes => [make(0), make(1), make(2), make(3)];
  /** Works values out for each group, to be used more than once. */
  const keep = (make: (group: number) => Code): Lanes => each((group) => local(code, make(group)));
  const of = (value: Lanes | number, group: number): Code =>
    typeof value === "number" ? constantly(value) : value[group]!;
  type Operand = Lanes | number;
  const plus = (x: Operand, y: Operand) => each((g) => f64x2.add(of(x, g), of(y, g)));
  const minus = (x: Operand, y: Operand) => each((g) => f64x2.sub(of(x, g), of(y, g)));
  const times = (x: Operand, y: Operand) => each((g) => f64x2.mul(of(x, g), of(y, g)));
  const and = (x: Operand, y: Operand) => each((g) => bits.and(of(x, g), of(y, g)));
  const f32 = (value: Lanes) => keep((g) => f64x2.promote(f32x4.demote(value[g]!)));

  const radii = keep((g) => f64x2.promote(load64(get(from), 8 * g)));
  const angles = keep((g) => f64x2.promote(load64(get(from), 32 + 8 * g)));

  const x = keep((g) => f32x4.demote(f64x2.sub(constantly(1), radii[g]!)));
  const mantissa = keep((g) => f64x2.promote(bits.or(bits.and(x[g]!, words(0x007fffff)), words(0x3f000000))));
  const low = keep((g) => f64x2.less(mantissa[g]!, constantly(SQRT_HALF)));
  const whole = each((g) => f64x2.fromWords(i32x4.add(i32x4.shiftRight(x[g]!, constant(23)), words(-126))));
  const ones = and(low, -1);
  const exponent = keep((g) => f64x2.add(whole[g]!, ones[g]!));
  const m = f32(plus(f32(minus(mantissa, 1)), and(low, mantissa)));
  const z = f32(times(m, m));
  const [leading, ...others] = LOGARITHM;
  let y: Operand = leading;
  for (const term of others) y = f32(plus(times(y, m), term));
  y = f32(plus(times(f32(times(y, m)), z), f32(times(exponent, LN2_LOW))));
  y = f32(minus(y, times(z, 0.5)));
  const logarithm = f32(plus(f32(plus(m, y)), times(exponent, LN2_HIGH)));
  const square = f32(times(-2, logarithm));
  const radius = f32(each((g) => f64x2.sqrt(square[g]!)));

  const theta = f32(times(TWO_PI, angles));
  const turns = f32(times(theta, FOUR_OVER_PI));
  const octant = keep((g) => bits.and(i32x4.add(i32x4.truncate(turns[g]!), words(1)), words(~1)));
  const eighths = keep((g) => f64x2.fromWords(octant[g]!));
  let r = theta;
  for (const part of QUARTER_PI) r = f32(plus(times(eighths, part), r));
  const r2 = f32(times(r, r));
  const [c0, c1, c2] = COSINE;
  const cosine = f32(times(f32(plus(times(f32(plus(times(c0, r2), c1)), r2), c2)), r2));
  const cos = f32(plus(f32(minus(times(cosine, r2), f32(times(r2, 0.5)))), 1));
  const [s0, s1, s2] = SINE;
  const sine = f32(times(f32(plus(times(f32(plus(times(s0, r2), s1)), r2), s2)), r2));
  const sin = f32(plus(times(sine, r), r));

  const swapped = keep((g) => i64x2.extend(i32x4.equal(bits.and(octant[g]!, words(2)), words(2))));
  /** Bit 2 of each octant as a sign bit. */
  const sign = (value: Code) => i64x2.shiftLeft(i64x2.extendZeros(bits.and(value, words(4))), constant(61));
  const signed = (value: Code, by: Code, g: number) => f32x4.demote(f64x2.mul(radius[g]!, bits.xor(value, sign(by))));
  for (const g of [0, 1, 2, 3]) {
    const [ofCosine, ofSine] = [bits.select(sin[g]!, cos[g]!, swapped[g]!), bits.select(cos[g]!, sin[g]!, swapped[g]!)];
    code.push(...store64(get(from), signed(ofCosine, i32x4.add(octant[g]!, words(2)), g), 8 * g));
    code.push(...store64(get(from), signed(ofSine, octant[g]!, g), 32 + 8 * g));
  }
  return {
    name: "normals",
    params: [i32, i32],
    locals: Array.from({ length: locals }, () => v128),
    body: [...before, ...repeat(code, lessThan(tee(from, add(get(from), constant(64))), get(end)))],
  };
}
