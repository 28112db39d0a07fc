import type { GraphBuilder, NodeOptions, Value } from "../../graph/graph-builder.ts";

/** Numbers with a shape, as double-precision arithmetic has them. */
export interface Wide {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** An operator tried on tiny inputs, with what it should give. */
export interface Kernel {
  readonly family: KernelFamily;
  /** What is fed, by name. */
  readonly feeds: Readonly<Record<string, Wide>>;
  /** Adds the operator over the inputs, in the order of `feeds`. */
  add(graph: GraphBuilder, inputs: readonly Value[]): Value;
  expected(): Wide;
}

/** What kernels are called in reports. */
export const kernelFamilies = [
  "gemm",
  "matmul",
  "conv",
  "groupNorm",
  "layerNorm",
  "rmsNorm",
  "softmax",
  "activation",
  "rotary",
  "movement",
  "attention",
  "dequantize",
] as const;

/** One of {@link kernelFamilies}. */
export type KernelFamily = (typeof kernelFamilies)[number];

/** Smooth numbers of magnitude 1 that float32 holds exactly. */
function wave(dims: readonly number[], rate: number): Wide {
  const size = dims.reduce((a, b) => a * b, 1);
  return { dims, data: Float64Array.from({ length: size }, (_, i) => Math.fround(1.7 * Math.sin(i * rate + rate))) };
}

function make(dims: readonly number[], at: (...index: number[]) => number): Wide {
  const size = dims.reduce((a, b) => a * b, 1);
  const data = new Float64Array(size);
  const index = dims.map(() => 0);
  for (let i = 0; i < size; i++) {
    data[i] = at(...index);
    for (let d = dims.length - 1; d >= 0 && ++index[d]! === dims[d]; d--) index[d] = 0;
  }
  return { dims, data };
}

function sum(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

const microsoft = { domain: "com.microsoft" } as const;
const float = (value: number) => ({ float: value });
const int = (value: number) => ({ int: value });

/** `x·Wᵀ + b`: what the gemm dialect makes of linear layers. */
function gemm(): Kernel {
  const [x, w, b] = [wave([70, 67], 0.3), wave([33, 67], 0.17), wave([33], 0.9)];
  return {
    family: "gemm",
    feeds: { x, w, b },
    add: (graph, inputs) => graph.node("Gemm", inputs, { attributes: { transB: int(1) } }),
    expected: () => make([70, 33], (m, n) => b.data[n]! + sum(67, (k) => x.data[m * 67 + k]! * w.data[n * 67 + k]!)),
  };
}

function matmul(): Kernel {
  const [x, y] = [wave([2, 35, 40], 0.7), wave([2, 40, 37], 0.31)];
  return {
    family: "matmul",
    feeds: { x, y },
    add: (graph, inputs) => graph.node("MatMul", inputs),
    expected: () =>
      make([2, 35, 37], (b, m, n) => sum(40, (k) => x.data[(b * 35 + m) * 40 + k]! * y.data[(b * 40 + k) * 37 + n]!)),
  };
}

function conv(stride: 1 | 2): Kernel {
  const [channels, side, out] = [12, 11, 9];
  const [x, w, b] = [wave([1, channels, side, side], 0.37), wave([out, channels, 3, 3], 0.11), wave([out], 0.8)];
  const to = stride === 1 ? side : (side + 1) / 2;
  const at = (c: number, y: number, z: number) =>
    y < 0 || z < 0 || y >= side || z >= side ? 0 : x.data[(c * side + y) * side + z]!;
  const attributes = {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [stride, stride] },
    pads: { ints: [1, 1, 1, 1] },
  };
  return {
    family: "conv",
    feeds: { x, w, b },
    add: (graph, inputs) => graph.node("Conv", inputs, { attributes }),
    expected: () =>
      make([1, out, to, to], (_, o, y, z) => {
        const term = (i: number) => {
          const [c, ky, kx] = [Math.floor(i / 9), Math.floor((i % 9) / 3), i % 3];
          return w.data[o * channels * 9 + i]! * at(c, y * stride + ky - 1, z * stride + kx - 1);
        };
        return b.data[o]! + sum(channels * 9, term);
      }),
  };
}

/** Rows of `size` numbers, each normalised by itself: with its mean taken away, or not. */
function normalised(x: Wide, size: number, centred: boolean, epsilon: number): (row: number, i: number) => number {
  return (row, i) => {
    const own = x.data.subarray(row * size, (row + 1) * size);
    const mean = centred ? sum(size, (j) => own[j]!) / size : 0;
    const variance = sum(size, (j) => (own[j]! - mean) ** 2) / size;
    return (own[i]! - mean) / Math.sqrt(variance + epsilon);
  };
}

function groupNorm(): Kernel {
  const [x, scale, shift] = [wave([1, 8, 150], 0.23), wave([8], 0.5), wave([8], 0.7)];
  const even = normalised(x, 150, true, 1e-5);
  return {
    family: "groupNorm",
    feeds: { x, scale, shift },
    add: (graph, inputs) => graph.node("InstanceNormalization", inputs, { attributes: { epsilon: float(1e-5) } }),
    expected: () => make([1, 8, 150], (_, c, i) => even(c, i) * scale.data[c]! + shift.data[c]!),
  };
}

function layerNorm(): Kernel {
  const [x, scale, shift] = [wave([7, 96], 0.41), wave([96], 0.5), wave([96], 0.7)];
  const even = normalised(x, 96, true, 1e-5);
  return {
    family: "layerNorm",
    feeds: { x, scale, shift },
    add: (graph, inputs) =>
      graph.node("LayerNormalization", inputs, { attributes: { axis: int(-1), epsilon: float(1e-5) } }),
    expected: () => make([7, 96], (row, i) => even(row, i) * scale.data[i]! + shift.data[i]!),
  };
}

function rmsNorm(): Kernel {
  const [x, scale] = [wave([7, 96], 0.43), wave([96], 0.5)];
  const even = normalised(x, 96, false, 1e-6);
  return {
    family: "rmsNorm",
    feeds: { x, scale },
    add: (graph, inputs) =>
      graph.node("RMSNormalization", inputs, { attributes: { axis: int(-1), epsilon: float(1e-6) } }),
    expected: () => make([7, 96], (row, i) => even(row, i) * scale.data[i]!),
  };
}

function softmax(): Kernel {
  const x = wave([2, 9, 77], 0.61);
  return {
    family: "softmax",
    feeds: { x },
    add: (graph, inputs) => graph.node("Softmax", inputs, { attributes: { axis: int(-1) } }),
    expected: () =>
      make([2, 9, 77], (b, row, i) => {
        const at = (j: number) => Math.exp(x.data[(b * 9 + row) * 77 + j]!);
        return at(i) / sum(77, at);
      }),
  };
}

function activation(op: string, options: NodeOptions, f: (x: number) => number): Kernel {
  const x = wave([300], 0.29);
  return {
    family: "activation",
    feeds: { x },
    add: (graph, inputs) => graph.node(op, inputs, options),
    expected: () => ({ dims: x.dims, data: x.data.map(f) }),
  };
}

/** Rotary position embedding of heads of 8. */
function rotary(interleaved: boolean): Kernel {
  const [tokens, heads, half] = [9, 2, 4];
  const [x, cos, sin] = [
    wave([1, tokens, heads * 2 * half], 0.21),
    wave([tokens, half], 0.33),
    wave([tokens, half], 0.55),
  ];
  const attributes = { num_heads: int(heads), interleaved: int(interleaved ? 1 : 0) };
  return {
    family: "rotary",
    feeds: { x, cos, sin },
    add: (graph, [input, c, s]) =>
      graph.node("RotaryEmbedding", [input, graph.ints([0]), c, s], { ...microsoft, attributes }),
    expected: () =>
      make([1, tokens, heads * 2 * half], (_, t, i) => {
        const [start, inHead] = [i - (i % (2 * half)), i % (2 * half)];
        const pair = interleaved ? inHead >> 1 : inHead % half;
        const isSecond = interleaved ? inHead % 2 === 1 : inHead >= half;
        const at = (j: number) => x.data[t * heads * 2 * half + start + j]!;
        const [a, b] = interleaved ? [at(2 * pair), at(2 * pair + 1)] : [at(pair), at(pair + half)];
        const [c, s] = [cos.data[t * half + pair]!, sin.data[t * half + pair]!];
        return isSecond ? b * c + a * s : a * c - b * s;
      }),
  };
}

/** Transposes, doubles the sides, takes a part and puts it beside another: no number may change. */
function movement(): Kernel {
  const x = wave([1, 5, 6, 7], 0.13);
  const at = (c: number, y: number, z: number) => x.data[(c * 6 + y) * 7 + z]!;
  const nearest = {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  };
  return {
    family: "movement",
    feeds: { x },
    add(graph, [input]) {
      const twice = graph.node("Resize", [input, undefined, graph.floats([1, 1, 2, 2], [4])], { attributes: nearest });
      const part = graph.node("Slice", [twice, graph.ints([3]), graph.ints([9]), graph.ints([2])]);
      const both = graph.node("Concat", [twice, part], { attributes: { axis: int(2) } });
      return graph.node("Transpose", [both], { attributes: { perm: { ints: [0, 3, 1, 2] } } });
    },
    expected: () => make([1, 14, 5, 18], (_, z, c, y) => at(c, (y < 12 ? y : y - 12 + 3) >> 1, z >> 1)),
  };
}

/** Of 96 tokens to themselves, two heads of 40: where flash attention is used. */
function attention(): Kernel {
  const [tokens, heads, size] = [96, 2, 40];
  const dims = [1, tokens, heads * size];
  const [q, k, v] = [wave(dims, 0.7), wave(dims, 0.23), wave(dims, 0.11)];
  const dot = (a: number, b: number, head: number) =>
    sum(size, (e) => q.data[(a * heads + head) * size + e]! * k.data[(b * heads + head) * size + e]!);
  return {
    family: "attention",
    feeds: { q, k, v },
    add: (graph, inputs) =>
      graph.node("MultiHeadAttention", inputs, { ...microsoft, attributes: { num_heads: int(heads) } }),
    expected() {
      const weights = make([heads, tokens, tokens], (h, i, j) => Math.exp(dot(i, j, h) / Math.sqrt(size)));
      return make(dims, (_, i, at) => {
        const [head, e] = [Math.floor(at / size), at % size];
        const row = weights.data.subarray((head * tokens + i) * tokens, (head * tokens + i + 1) * tokens);
        return sum(tokens, (j) => row[j]! * v.data[(j * heads + head) * size + e]!) / sum(tokens, (j) => row[j]!);
      });
    },
  };
}

/** Rows of small integers times a scale each, less a zero where they are unsigned: as weights are stored. */
function dequantize(signed: boolean): Kernel {
  const [rows, columns] = [33, 67];
  const [x, scale] = [wave([rows, columns], 0.3), wave([rows], 0.17)];
  const q = (i: number) => ((i * 37) % 255) - (signed ? 127 : 0);
  const values = Array.from({ length: rows * columns }, (_, i) => q(i));
  return {
    family: "dequantize",
    feeds: { x, scale },
    add(graph, [input, scales]) {
      const dims = [rows, columns];
      const [stored, zero] = signed
        ? [graph.signedBytes(values, dims)]
        : [graph.bytes(values, dims), graph.bytes(new Array<number>(rows).fill(8))];
      const made = graph.node("DequantizeLinear", [stored, scales, zero], { attributes: { axis: int(0) } });
      return graph.node("Mul", [input, made]);
    },
    expected: () =>
      make(
        [rows, columns],
        (r, c) => x.data[r * columns + c]! * scale.data[r]! * (q(r * columns + c) - (signed ? 0 : 8)),
      ),
  };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Every kernel that graphs are made of, but for additions and their like. */
export function kernels(): Kernel[] {
  return [
    gemm(),
    matmul(),
    conv(1),
    conv(2),
    groupNorm(),
    layerNorm(),
    rmsNorm(),
    softmax(),
    activation("QuickGelu", { ...microsoft, attributes: { alpha: float(1) } }, (x) => x * sigmoid(x)),
    activation("Gelu", {}, (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))),
    activation("Tanh", {}, Math.tanh),
    rotary(true),
    rotary(false),
    movement(),
    attention(),
    dequantize(true),
    dequantize(false),
  ];
}

/** The error function by its Taylor series, exact to double precision where it is used (|x| < 2). */
function erf(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
