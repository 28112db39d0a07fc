/** Floating-point element types, by safetensors' names. */
export type FloatType = "F8_E4M3" | "F8_E5M2" | "F16" | "BF16" | "F32" | "F64";

/** Bytes of an element, and what turns so many of them into float32: tables and typed arrays, as files have millions. */
const readers: Readonly<Record<FloatType, { size: number; read: (...bytes: Stretch) => Float32Array }>> = {
  F8_E4M3: { size: 1, read: (...bytes) => lookedUp(new Uint8Array(...bytes), e4m3Numbers()) },
  // The upper half of a half-precision number.
  F8_E5M2: { size: 1, read: (...bytes) => lookedUp(new Uint8Array(...bytes), e5m2Numbers()) },
  F16: { size: 2, read: (...bytes) => lookedUp(new Uint16Array(...bytes), halfNumbers()) },
  // The upper half of a float32.
  BF16: { size: 2, read: (...bytes) => new Float32Array(widened(new Uint16Array(...bytes)).buffer) },
  F32: { size: 4, read: (...bytes) => new Float32Array(...bytes).slice() },
  F64: { size: 8, read: (...bytes) => new Float32Array(new Float64Array(...bytes)) },
};

/** A buffer, where in it elements begin, and how many there are. */
type Stretch = [buffer: ArrayBufferLike, offset: number, count: number];

/** Whether a type's name is one of {@link FloatType}. */
export function isFloatType(name: string): name is FloatType {
  return Object.hasOwn(readers, name);
}

/** Little-endian values of a float type as float32, in memory of their own. */
export function toFloat32(bytes: Uint8Array, type: FloatType): Float32Array {
  const { size, read } = readers[type];
  // Typed arrays begin at multiples of their elements' size: a copy does.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return read(buffer, byteOffset, Math.floor(byteLength / size));
}

function lookedUp(bits: Uint8Array | Uint16Array, numbers: Float32Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = numbers[bits[i]!]!;
  return values;
}

function widened(bits: Uint16Array): Uint32Array {
  const values = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = bits[i]! << 16;
  return values;
}

const e4m3Numbers = table(2 ** 8, fromE4m3);
const e5m2Numbers = table(2 ** 8, (bits) => fromHalf(bits << 8));
const halfNumbers = table(2 ** 16, fromHalf);

/** What each pattern of bits stands for, made when it is first asked for. */
function table(size: number, read: (bits: number) => number): () => Float32Array {
  let numbers: Float32Array | undefined;
  return () => {
    numbers ??= Float32Array.from({ length: size }, (_, bits) => read(bits));
    return numbers;
  };
}

const word = new DataView(new ArrayBuffer(4));

/** An fp8 number of four exponent bits that has no infinities (Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433). */
function fromE4m3(bits: number): number {
  if ((bits & 0x7f) === 0x7f) return Number.NaN;
  // The same number in half precision, whose exponents begin 8 lower.
  return fromHalf(((bits & 0x80) << 8) | ((bits & 0x7f) << 7)) * 256;
}

/** A half-precision number of IEEE 754. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** float32 values in half precision (IEEE 754), rounded to the nearest, ties to even: as their bits. */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, (value) => {
    word.setFloat32(0, value);
    const bits = word.getUint32(0);
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00;
    if (magnitude >= 0x477ff000) return sign | 0x7c00;
    // Below the smallest normal number: in steps of 2^-24.
    if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(value) * 2 ** 24);
    const rest = magnitude - 0x38000000;
    return sign | ((rest + 0xfff + ((rest >>> 13) & 1)) >>> 13);
  });
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const over = value - floor;
  return over > 0.5 || (over === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
