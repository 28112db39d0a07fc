/**
 * As much of WebAssembly's binary format as the kernels need (https://webassembly.github.io/spec/core/binary/, and its chapter on vector
 * instructions): code is a list of bytes, and an instruction is a function from its operands' code to its own.
 */
export type Code = readonly number[];

/** Value types. */
export const i32 = 0x7f;
export const v128 = 0x7b;
export type ValueType = typeof i32 | typeof v128;

/** A function of a module. Its locals are numbered from the parameters on. */
export interface KernelFunction {
  name: string;
  params: readonly ValueType[];
  locals: readonly ValueType[];
  result?: ValueType;
  body: Code;
}

/** The bytes of a module of these functions, all exported, over the memory that is imported as `kernels.memory`. */
export function assemble(functions: readonly KernelFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params, result }) => [
    0x60,
    ...list(params.map((type) => [type])),
    ...list(result === undefined ? [] : [[result]]),
  ]);
  const codes = functions.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, type])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [[...name("kernels"), ...name("memory"), 0x02, 0x00, 0x01]]),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(
      7,
      functions.map((made, i) => [...name(made.name), 0x00, ...unsigned(i)]),
    ),
    ...section(10, codes),
  ]);
}

function section(id: number, items: readonly Code[]): Code {
  const content = list(items);
  return [id, ...unsigned(content.length), ...content];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): Code {
  return list([...text].map((letter) => [letter.charCodeAt(0)]));
}

/** LEB128 of a number from 0 up. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a signed 32-bit number. */
function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const plain =
  (opcode: number) =>
  (...operands: Code[]): Code => [...operands.flat(), opcode];
const simd =
  (opcode: number) =>
  (...operands: Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
/** Sets a local and leaves its value. */
export const tee = (local: number, value: Code): Code => [...value, 0x22, ...unsigned(local)];
export const constant = (value: number): Code => [0x41, ...signed(value | 0)];
export const add = plain(0x6a);
export const lessThan = plain(0x49);

/** Runs `body` again as long as `again` is not 0. */
export const repeat = (body: Code, again: Code): Code => [0x03, 0x40, ...body, ...again, 0x0d, 0, 0x0b];

/** An i32 from `address + offset`. */
export const load = (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)];

/** 16 bytes at `address + offset`; an f32 there, four times. */
export const load128 = (address: Code, offset = 0): Code => [...address, 0xfd, 0x00, 4, ...unsigned(offset)];
export const loadSplat32 = (address: Code, offset = 0): Code => [...address, 0xfd, 0x09, 2, ...unsigned(offset)];
export const store128 = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  0xfd,
  0x0b,
  4,
  ...unsigned(offset),
];

/** Vectors of one value: two doubles, four floats, four int32. */
export const doubles = (value: number): Code => vector(Float64Array.of(value, value));
export const floats = (value: number): Code => vector(Float32Array.of(value, value, value, value));
export const words = (value: number): Code => vector(Int32Array.of(value, value, value, value));

function vector({ buffer }: Float64Array | Float32Array | Int32Array): Code {
  return [0xfd, 0x0c, ...new Uint8Array(buffer)];
}

/** All 128 bits. `select` takes the bits of the first where the third has 1, else of the second. */
export const bits = { and: simd(0x4e), or: simd(0x50), xor: simd(0x51), select: simd(0x52) };

/** The first two of four lanes of one and then of another; and the last two of one, twice. */
export const firstHalves = (a: Code, b: Code): Code => halves(a, b, 0);
export const lastHalf = (a: Code): Code => halves(a, a, 8);

function halves(a: Code, b: Code, from: number): Code {
  const eight = [0, 1, 2, 3, 4, 5, 6, 7].map((byte) => byte + from);
  return [...a, ...b, 0xfd, 0x0d, ...eight, ...eight.map((byte) => byte + 16)];
}

/** Four float32 lanes. `demote` makes two of two doubles. */
export const f32x4 = {
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  min: simd(0xe8),
  max: simd(0xe9),
  sqrt: simd(0xe3),
  less: simd(0x43),
  fromWords: simd(0xfa),
  demote: simd(0x5e),
};

/** Two float64 lanes. `promote` makes them of the first two of four float32. */
export const f64x2 = { add: simd(0xf0), sub: simd(0xf1), mul: simd(0xf2), promote: simd(0x5f) };

/** Four int32 lanes; shifts by an i32. `truncate` is of four float32. */
export const i32x4 = {
  add: simd(0xae),
  equal: simd(0x37),
  shiftLeft: simd(0xab),
  shiftRight: simd(0xad),
  truncate: simd(0xf8),
};
