import {
  add,
  assemble,
  bits,
  type Code,
  constant,
  doubles,
  f32x4,
  f64x2,
  firstHalves,
  floats,
  get,
  i32,
  i32x4,
  type KernelFunction,
  lastHalf,
  lessThan,
  load128,
  repeat,
  set,
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

/** Four values of each half of a block: as float32, as two pairs of doubles, or both, each worked out when first asked for. */
interface Lanes {
  floats: (half: number) => Code;
  doubles: (half: number, pair: number) => Code;
}

/**
 * box-muller.ts over a block of 16. What it rounds after one operation is one on float32; its fused multiply-adds are made of doubles, as
 * there. A pair's calculation is a chain in which each step waits for the last; so the block's two halves, and in doubles their two pairs,
 * are taken a step further in turn.
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
  const known = new Map<string, Code>();
  /** What `make` works out, once. */
  const once = (into: number[], key: string, make: () => Code): Code => {
    const place = known.get(key) ?? local(into, make());
    known.set(key, place);
    return place;
  };
  let values = 0;
  /** Values from their float32. */
  const of = (make: (half: number) => Code): Lanes => {
    const made = [local(code, make(0)), local(code, make(1))];
    const id = values++;
    return {
      floats: (half) => made[half]!,
      doubles: (half, pair) =>
        once(code, `${id} ${half} ${pair}`, () => f64x2.promote(pair === 0 ? made[half]! : lastHalf(made[half]!))),
    };
  };
  /** Values from their doubles, rounded. */
  const rounded = (make: (half: number, pair: number) => Code): Lanes => {
    const made = [0, 1].map((half) => [0, 1].map((pair) => local(code, f32x4.demote(make(half, pair)))));
    const id = values++;
    return {
      floats: (half) => once(code, `${id} ${half}`, () => firstHalves(made[half]![0]!, made[half]![1]!)),
      doubles: (half, pair) => once(code, `${id} ${half} ${pair}`, () => f64x2.promote(made[half]![pair]!)),
    };
  };
  const constantly = (value: number): Lanes => ({
    floats: () => once(before, `float ${value}`, () => floats(value)),
    doubles: () => once(before, `double ${value}`, () => doubles(value)),
  });
  type Operand = Lanes | number;
  const lanes = (value: Operand) => (typeof value === "number" ? constantly(value) : value);
  const operation = (make: (x: Code, y: Code) => Code) => (x: Operand, y: Operand) =>
    of((half) => make(lanes(x).floats(half), lanes(y).floats(half)));
  const [plus, minus, times] = [operation(f32x4.add), operation(f32x4.sub), operation(f32x4.mul)];
  const fused = (make: (x: Code, y: Code) => Code) => (x: Operand, y: Operand, z: Operand) =>
    rounded((half, pair) =>
      make(f64x2.mul(lanes(x).doubles(half, pair), lanes(y).doubles(half, pair)), lanes(z).doubles(half, pair)),
    );
  const [timesPlus, timesMinus] = [fused(f64x2.add), fused(f64x2.sub)];

  const radii = of((half) => load128(get(from), 16 * half));
  const angles = of((half) => load128(get(from), 32 + 16 * half));

  const x = minus(1, radii);
  const mantissa = of((half) => bits.or(bits.and(x.floats(half), words(0x007fffff)), words(0x3f000000)));
  const low = of((half) => f32x4.less(mantissa.floats(half), constantly(SQRT_HALF).floats(half)));
  const exponent = of((half) => {
    const biased = i32x4.shiftRight(x.floats(half), constant(23));
    return f32x4.fromWords(i32x4.add(i32x4.add(biased, words(-126)), low.floats(half)));
  });
  const below = of((half) => bits.and(low.floats(half), mantissa.floats(half)));
  const m = plus(minus(mantissa, 1), below);
  const z = times(m, m);
  const [leading, ...others] = LOGARITHM;
  let y: Operand = leading;
  for (const term of others) y = timesPlus(y, m, term);
  y = timesPlus(times(y, m), z, times(exponent, LN2_LOW));
  y = minus(y, times(z, 0.5));
  const logarithm = timesPlus(exponent, LN2_HIGH, plus(m, y));
  const square = times(-2, logarithm);
  const radius = of((half) => f32x4.sqrt(square.floats(half)));

  const theta = times(TWO_PI, angles);
  const turns = times(theta, FOUR_OVER_PI);
  const octant = of((half) => bits.and(i32x4.add(i32x4.truncate(turns.floats(half)), words(1)), words(~1)));
  const eighths = of((half) => f32x4.fromWords(octant.floats(half)));
  let r = theta;
  for (const part of QUARTER_PI) r = timesPlus(eighths, part, r);
  const r2 = times(r, r);
  const [c0, c1, c2] = COSINE;
  const cosine = times(timesPlus(timesPlus(c0, r2, c1), r2, c2), r2);
  const cos = plus(timesMinus(cosine, r2, times(r2, 0.5)), 1);
  const [s0, s1, s2] = SINE;
  const sine = times(timesPlus(timesPlus(s0, r2, s1), r2, s2), r2);
  const sin = timesPlus(sine, r, r);

  const swapped = of((half) => i32x4.equal(bits.and(octant.floats(half), words(2)), words(2)));
  /** Bit 2 of each octant as a sign bit. */
  const sign = (value: Code) => i32x4.shiftLeft(bits.and(value, words(4)), constant(29));
  const signed = (value: Code, by: Code, half: number) => f32x4.mul(radius.floats(half), bits.xor(value, sign(by)));
  for (const half of [0, 1]) {
    const [s, c, swap, eighth] = [sin, cos, swapped, octant].map((value) => value.floats(half)) as [
      Code,
      Code,
      Code,
      Code,
    ];
    const next = i32x4.add(eighth, words(2));
    code.push(...store128(get(from), signed(bits.select(s, c, swap), next, half), 16 * half));
    code.push(...store128(get(from), signed(bits.select(c, s, swap), eighth, half), 32 + 16 * half));
  }
  return {
    name: "normals",
    params: [i32, i32],
    locals: Array.from({ length: locals }, () => v128),
    body: [...before, ...repeat(code, lessThan(tee(from, add(get(from), constant(64))), get(end)))],
  };
}
