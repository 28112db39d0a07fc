/** Floating-point element types, by safetensors' names. */
export type FloatType = "F8_E4M3" | "F8_E5M2" | "F16" | "BF16" | "F32" | "F64";

const readers: Readonly<Record<FloatType, { size: number; read: (view: DataView, at: number) => number }>> = {
  F8_E4M3: { size: 1, read: (view, at) => fromE4m3(view.getUint8(at)) },
  // The upper half of a half-precision number.
  F8_E5M2: { size: 1, read: (view, at) => fromHalf(view.getUint8(at) << 8) },
  F16: { size: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  BF16: { size: 2, read: (view, at) => fromBits(view.getUint16(at, true) * 0x10000) },
  F32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  F64: { size: 8, read: (view, at) => view.getFloat64(at, true) },
};

/** Whether a type's name is one of {@link FloatType}. */
export function isFloatType(name: string): name is FloatType {
  return Object.hasOwn(readers, name);
}

/** Little-endian values of a float type as float32. */
export function toFloat32(bytes: Uint8Array, type: FloatType): Float32Array {
  const { size, read } = readers[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / size }, (_, i) => read(view, i * size));
}

const word = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

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
