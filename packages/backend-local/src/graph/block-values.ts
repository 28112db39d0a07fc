import type { BlockType } from "../files/stored-type.ts";
import { type DataType, dataTypeCodes } from "./data-type.ts";
import type { AddNode, GraphBuilder, Value } from "./graph-builder.ts";

/** Takes the bytes of n blocks apart, `[n, bytes]`, with ONNX's operators. */
export class BlockReader {
  readonly #graph: GraphBuilder;
  readonly #add: AddNode;
  readonly #view: (type: DataType) => Value;

  constructor(graph: GraphBuilder, add: AddNode, view: (type: DataType) => Value) {
    this.#graph = graph;
    this.#add = add;
    this.#view = view;
  }

  /** Bytes `from` to `to` of each block, uint8 `[n, to - from]`. */
  bytes(from: number, to: number): Value {
    return this.#columns(this.#view("uint8"), from, to);
  }

  /** The same as int8. */
  signed(from: number, to: number): Value {
    return this.#columns(this.#view("int8"), from, to);
  }

  /** The half-precision number at a byte of each block, in float32 `[n, 1]`. */
  half(byte: number): Value {
    return this.#float(this.#columns(this.#view("float16"), byte / 2, byte / 2 + 1));
  }

  /** Bits of bytes `[n, k·width]`: for each stretch of `width` bytes those from each of `shifts` on, as `[n·k·shifts, width]`. */
  bits(bytes: Value, width: number, shifts: readonly number[], mask: number): Value {
    const apart = this.shape(bytes, [-1, 1, width]);
    const by = this.#add("Reshape", [this.#graph.bytes(shifts), this.#graph.ints([1, shifts.length, 1])]);
    return this.shape(this.and(this.#add("BitShift", [apart, by], right), mask), [-1, width]);
  }

  /** The bits of 32-bit words, one a byte: `[n, 4]` as `[n, 32]`. */
  wordBits(bytes: Value): Value {
    const apart = this.shape(bytes, [-1, 4, 1]);
    const by = this.#add("Reshape", [this.#graph.bytes([0, 1, 2, 3, 4, 5, 6, 7]), this.#graph.ints([1, 1, 8])]);
    return this.shape(this.and(this.#add("BitShift", [apart, by], right), 1), [-1, 32]);
  }

  and(x: Value, mask: number): Value {
    return this.#add("BitwiseAnd", [x, this.#graph.bytes(mask)]);
  }

  or(x: Value, y: Value): Value {
    return this.#add("BitwiseOr", [x, y]);
  }

  shift(x: Value, by: number, way: "left" | "right"): Value {
    return this.#add("BitShift", [x, this.#graph.bytes(by)], way === "left" ? left : right);
  }

  beside(...parts: readonly Value[]): Value {
    return this.#add("Concat", parts, { attributes: { axis: { int: 1 } } });
  }

  shape(x: Value, dims: readonly number[]): Value {
    return this.#add("Reshape", [x, this.#graph.ints(dims)]);
  }

  /** Columns of a value. */
  columns(x: Value, from: number, to: number): Value {
    return this.#columns(x, from, to);
  }

  /** `factor[n, 1] · parts[n, k]`, the parts being small integers (less `offset`), in float32. */
  times(factor: Value, parts: Value, offset = 0): Value {
    const numbers = this.#float(parts);
    const less = offset === 0 ? numbers : this.#add("Sub", [numbers, this.#graph.floats(offset)]);
    return this.#add("Mul", [factor, less]);
  }

  /** `(q − zero) · scale`, with a scale for every `width` numbers: `[n, width]`. */
  scaled(q: Value, scale: Value, width: number, zero = 0): Value {
    const [rows, each] = [this.shape(q, [-1, width]), this.shape(scale, [-1])];
    const inputs = [rows, each];
    if (zero !== 0) inputs.push(this.#add("Expand", [this.#graph.bytes(zero), this.#add("Shape", [each])]));
    return this.#add("DequantizeLinear", inputs, { attributes: { axis: { int: 0 } } });
  }

  /** What a scaled block is moved by: `x[n, width] ± y[n]`. */
  moved(x: Value, by: Value, op: "Add" | "Sub"): Value {
    return this.#add(op, [x, this.shape(by, [-1, 1])]);
  }

  #columns(x: Value, from: number, to: number): Value {
    return this.#add("Slice", [x, this.#graph.ints([from]), this.#graph.ints([to]), this.#graph.ints([1])]);
  }

  #float(x: Value): Value {
    return this.#add("Cast", [x], { attributes: { to: { int: dataTypeCodes.float32 } } });
  }
}

const right = { attributes: { direction: { string: "RIGHT" } } };
const left = { attributes: { direction: { string: "LEFT" } } };

/**
 * What n blocks of each type stand for, in float32, in their order: the numbers are those of ggml's own `dequantize_row_…`, to the last bit.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c
 */
export const blockValues: Readonly<Record<BlockType, (block: BlockReader) => Value>> = {
  Q8_0: (b) => b.scaled(b.signed(2, 34), b.half(0), 32),
  Q4_0: (b) => b.scaled(nibbles(b, 2), b.half(0), 32, 8),
  Q4_1: (b) => b.moved(b.scaled(nibbles(b, 4), b.half(0), 32), b.half(2), "Add"),
  Q5_0: (b) => b.scaled(fiveBits(b, 2, 6), b.half(0), 32, 16),
  Q5_1: (b) => b.moved(b.scaled(fiveBits(b, 4, 8), b.half(0), 32), b.half(2), "Add"),

  Q2_K: (b) => {
    const scales = b.bytes(0, 16);
    const q = b.bits(b.bytes(16, 80), 32, [0, 2, 4, 6], 3);
    const scaled = b.scaled(q, b.times(b.half(80), b.and(scales, 15)), 16);
    return b.moved(scaled, b.times(b.half(82), b.shift(scales, 4, "right")), "Sub");
  },

  Q3_K: (b) => {
    // Sixteen scales of six bits: four low ones in each half of 8 bytes, two high ones in each quarter of 4 more.
    const low = b.shape(b.bits(b.bytes(96, 104), 8, [0, 4], 15), [-1, 16]);
    const high = b.shape(b.bits(b.bytes(104, 108), 4, [0, 2, 4, 6], 3), [-1, 16]);
    const scales = b.times(b.half(108), b.or(low, b.shift(high, 4, "left")), 32);
    const two = b.shape(b.bits(b.bytes(32, 96), 32, [0, 2, 4, 6], 3), [-1, 256]);
    const third = b.shape(b.bits(b.bytes(0, 32), 32, [0, 1, 2, 3, 4, 5, 6, 7], 1), [-1, 256]);
    return b.scaled(b.or(two, b.shift(third, 2, "left")), scales, 16, 4);
  },

  Q4_K: (b) => {
    const { scales, mins } = sixBits(b);
    const q = b.bits(b.bytes(16, 144), 32, [0, 4], 15);
    return b.moved(b.scaled(q, b.times(b.half(0), scales), 32), b.times(b.half(2), mins), "Sub");
  },

  Q5_K: (b) => {
    const { scales, mins } = sixBits(b);
    const four = b.shape(b.bits(b.bytes(48, 176), 32, [0, 4], 15), [-1, 256]);
    const fifth = b.shape(b.bits(b.bytes(16, 48), 32, [0, 1, 2, 3, 4, 5, 6, 7], 1), [-1, 256]);
    const q = b.or(four, b.shift(fifth, 4, "left"));
    return b.moved(b.scaled(q, b.times(b.half(0), scales), 32), b.times(b.half(2), mins), "Sub");
  },

  Q6_K: (b) => {
    const four = b.shape(b.bits(b.bytes(0, 128), 64, [0, 4], 15), [-1, 256]);
    const two = b.shape(b.bits(b.bytes(128, 192), 32, [0, 2, 4, 6], 3), [-1, 256]);
    const q = b.or(four, b.shift(two, 4, "left"));
    return b.scaled(q, b.times(b.half(208), b.signed(192, 208)), 16, 32);
  },
};

/** 32 numbers of four bits in 16 bytes from `at` on: the low halves, then the high ones. */
function nibbles(b: BlockReader, at: number): Value {
  return b.shape(b.bits(b.bytes(at, at + 16), 16, [0, 4], 15), [-1, 32]);
}

/** 32 numbers of five bits: the fifth bits in a word at `high`, the others at `at`. */
function fiveBits(b: BlockReader, high: number, at: number): Value {
  return b.or(nibbles(b, at), b.shift(b.wordBits(b.bytes(high, high + 4)), 4, "left"));
}

/** Q4_K's and Q5_K's eight scales and eight minima of six bits in 12 bytes, from the fourth byte on. */
function sixBits(b: BlockReader): { scales: Value; mins: Value } {
  const all = b.bytes(4, 16);
  const [d, m, both] = [0, 4, 8].map((from) => b.columns(all, from, from + 4)) as [Value, Value, Value];
  const top = (x: Value) => b.and(b.shift(x, 2, "right"), 0x30);
  return {
    scales: b.beside(b.and(d, 63), b.or(b.and(both, 15), top(d))),
    mins: b.beside(b.and(m, 63), b.or(b.shift(both, 4, "right"), top(m))),
  };
}
