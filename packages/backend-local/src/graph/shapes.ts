import type { Attribute, OnnxInitializer, OnnxModel, OnnxNode } from "./onnx-model.ts";

/** A dimension: its size, the name of a free one, or nothing where it isn't followed. */
export type Dim = number | string | undefined;
/** A value's shape, where it is known how many dimensions it has. */
export type Shape = readonly Dim[] | undefined;

type Rule = (node: OnnxNode, inputs: readonly Shape[], known: Known) => Shape;

/** What rules look up beside their inputs' shapes. */
interface Known {
  /** Numbers of a constant of integers. */
  ints(name: string | undefined): readonly number[] | undefined;
  /** What a value that is a shape says. */
  says(name: string | undefined): Shape;
  /** Numbers of a constant of floats. */
  floats(name: string | undefined): readonly number[] | undefined;
}

const sameAsFirst: Rule = (_, [first]) => first;
const broadcasting: Rule = (_, inputs) => inputs.reduce(broadcast);

const rules: Readonly<Record<string, Rule>> = {
  ...each(
    [
      "Abs",
      "ArgMax",
      "Cast",
      "Cos",
      "DequantizeLinear",
      "Gelu",
      "Identity",
      "InstanceNormalization",
      "LayerNormalization",
      "Log",
      "Mish",
      "Not",
      "QuickGelu",
      "RMSNormalization",
      "Relu",
      "RotaryEmbedding",
      "ScatterElements",
      "Sigmoid",
      "Sin",
      "Softmax",
      "Tanh",
    ],
    sameAsFirst,
  ),
  ...each(["Add", "Div", "Equal", "Less", "Max", "Mul", "Sub", "Where"], broadcasting),
  Attention: ({ attributes }, [query, , value]) =>
    query &&
    value && [query[0], query[1], scaled(value[2], int(attributes["q_num_heads"]), int(attributes["kv_num_heads"]))],
  ...each(
    ["ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare"],
    ({ inputs, attributes }, [x], known) => {
      const axes = known.ints(inputs[1]);
      const isReduced = (i: number) => axes === undefined || axes.includes(i) || axes.includes(i - x!.length);
      return int(attributes["keepdims"] ?? { int: 1 }) === 0
        ? x?.filter((_, i) => !isReduced(i))
        : x?.map((dim, i) => (isReduced(i) ? 1 : dim));
    },
  ),
  Concat: ({ attributes }, inputs) => concat(inputs, int(attributes["axis"])),
  Conv: (_, [x, weight]) => x && [x[0], weight?.[0], undefined, undefined],
  Expand: ({ inputs }, [x], known) => broadcast(x, known.says(inputs[1])),
  FusedMatMul: (_, [a, b]) => a && [...a.slice(0, -1), b?.at(-2)],
  Gather: ({ attributes }, [data, ids]) => {
    const axis = int(attributes["axis"] ?? { int: 0 });
    return data && ids && [...data.slice(0, axis), ...ids, ...data.slice(axis + 1)];
  },
  MatMul: (_, [a, b]) => a && b && (a.length >= b.length ? [...a.slice(0, -1), b.at(-1)] : undefined),
  MultiHeadAttention: (_, [query, , value]) => query && [query[0], query[1], value?.[2]],
  Range: () => [undefined],
  Reshape: ({ inputs }, [x], known) =>
    known.says(inputs[1])?.map((dim, i) => (dim === 0 ? x?.[i] : dim === -1 ? undefined : dim)),
  Resize: (_, [x]) => x && [x[0], x[1], undefined, undefined],
  Slice: ({ inputs }, [x], known) => slice(x, inputs.slice(1).map(known.ints)),
  Transpose: ({ attributes }, [x]) => {
    const { perm } = attributes;
    return x && (perm !== undefined && "ints" in perm ? perm.ints.map((i) => x[i]) : x.toReversed());
  },
  Unsqueeze: ({ inputs }, [x], known) => unsqueeze(x, known.ints(inputs[1])),
};

/** Those of operators whose results are of no interest to the spelling, where all sizes are known. */
const sizedRules: Readonly<Record<string, Rule>> = {
  ...each(
    ["Abs", "Clip", "Elu", "Exp", "FastGelu", "LeakyRelu", "Neg", "QuantizeLinear", "SkipLayerNormalization", "Sqrt"],
    sameAsFirst,
  ),
  Conv: ({ attributes }, [x, weight]) => {
    const [pads, strides, kernel] = [ints(attributes["pads"]), ints(attributes["strides"]), weight?.slice(2)];
    const spatial = x?.slice(2).map((dim, i, { length }) => {
      const size = kernel?.[i];
      if (typeof dim !== "number" || typeof size !== "number") return undefined;
      return Math.floor((dim + (pads[i] ?? 0) + (pads[i + length] ?? 0) - size) / (strides[i] ?? 1)) + 1;
    });
    return x && spatial && [x[0], weight?.[0], ...spatial];
  },
  DepthToSpace: ({ attributes }, [x]) => {
    const factor = int(attributes["blocksize"]);
    return x && [x[0], divided(x[1], factor ** 2), ...x.slice(2).map((dim) => divided(dim, 1 / factor))];
  },
  QGemm: (_, [a, , , b]) => a && b && [a[0], b[0]],
  Reshape: ({ inputs }, [x], known) => {
    const said = known.says(inputs[1])?.map((dim, i) => (dim === 0 ? x?.[i] : dim));
    const [all, rest] = [count(x), count(said?.filter((dim) => dim !== -1))];
    return said?.map((dim) => (dim !== -1 ? dim : all === undefined || !rest ? undefined : all / rest));
  },
  Resize: ({ inputs }, [x], known) => {
    const [scales, sizes] = [known.floats(inputs[2]), known.says(inputs[3])];
    return sizes ?? x?.map((dim, i) => (typeof dim === "number" ? Math.floor(dim * (scales?.[i] ?? 1)) : dim));
  },
  Slice: ({ inputs }, [x], known) =>
    slice(
      x,
      inputs.slice(1).map((name) => known.says(name)?.map((dim) => (typeof dim === "number" ? dim : Number.NaN))),
    ),
};

/** How many elements a shape has, where that is known. */
export function count(shape: Shape): number | undefined {
  return shape?.reduce<number | undefined>(
    (product, dim) => (product === undefined || typeof dim !== "number" ? undefined : product * dim),
    1,
  );
}

/**
 * The shapes of a graph's values, as far as the spelling of operators needs them: of tokens, their features and weights. The model's nodes
 * stand in an order in which they can be run. With the sizes of what is free in the inputs, pictures are followed as well.
 */
export function shapesOf(
  { inputs, initializers, nodes }: OnnxModel,
  sizes?: Readonly<Record<string, number>>,
): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { name, dims } of [...inputs, ...initializers])
    shapes.set(
      name,
      dims.map((dim) => (typeof dim === "string" ? (sizes?.[dim] ?? dim) : dim)),
    );
  const constants = new Map(initializers.map((each) => [each.name, each]));
  const said = new Map<string, Shape>();
  const known: Known = {
    ints: (name) => integers(constants.get(name ?? "")),
    says: (name = "") => said.get(name) ?? integers(constants.get(name)),
    floats: (name = "") => {
      const data = constants.get(name)?.data;
      return data instanceof Uint8Array ? Array.from(new Float32Array(data.slice().buffer)) : undefined;
    },
  };
  for (const node of nodes) {
    const [output = ""] = node.outputs;
    const rule = (sizes && sizedRules[node.op]) ?? rules[node.op];
    shapes.set(
      output,
      rule?.(
        node,
        node.inputs.map((name) => shapes.get(name)),
        known,
      ),
    );
    said.set(output, saidBy(node, shapes, known));
  }
  return shapes;
}

/** Of an operator that makes a shape, what that says. */
function saidBy({ op, inputs, attributes }: OnnxNode, shapes: ReadonlyMap<string, Shape>, known: Known): Shape {
  switch (op) {
    case "Shape": {
      const shape = shapes.get(inputs[0]!);
      return shape?.slice(int(attributes["start"] ?? { int: 0 }), int(attributes["end"] ?? { int: shape.length }));
    }
    case "Concat": {
      const parts = inputs.map((input) => known.says(input));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    case "ScatterElements": {
      const [shape, at, values] = [known.says(inputs[0]), known.ints(inputs[1])?.[0], known.says(inputs[2])];
      return at === undefined ? undefined : shape?.with(at, values?.[0]);
    }
    default:
      return undefined;
  }
}

/** The numbers of a constant of 64-bit integers that stands in the model itself. */
export function integers(constant: OnnxInitializer | undefined): readonly number[] | undefined {
  if (constant?.type !== "int64" || !(constant.data instanceof Uint8Array)) return undefined;
  const { buffer, byteOffset, byteLength } = constant.data;
  return Array.from(new BigInt64Array(buffer as ArrayBuffer, byteOffset, byteLength / 8), Number);
}

function each(ops: readonly string[], rule: Rule): Record<string, Rule> {
  return Object.fromEntries(ops.map((op) => [op, rule]));
}

function int(attribute: Attribute | undefined): number {
  return attribute !== undefined && "int" in attribute ? attribute.int : 0;
}

function ints(attribute: Attribute | undefined): readonly number[] {
  return attribute !== undefined && "ints" in attribute ? attribute.ints : [];
}

function divided(size: Dim, by: number): Dim {
  return typeof size === "number" ? size / by : undefined;
}

function scaled(size: Dim, times: number, over: number): Dim {
  return typeof size === "number" ? (size * times) / over : undefined;
}

function broadcast(a: Shape, b: Shape): Shape {
  if (a === undefined || b === undefined) return undefined;
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly Dim[], i: number) => (i < rank - shape.length ? 1 : shape[i - (rank - shape.length)]);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [at(a, i), at(b, i)];
    // Of a free size and a number above 1 the number holds, as each could only be it or 1.
    if (x === 1 || x === y) return y;
    return y === 1 || typeof x === "number" ? x : y;
  });
}

function concat(inputs: readonly Shape[], axis: number): Shape {
  const first = inputs.find((shape) => shape !== undefined);
  const at = first === undefined || axis >= 0 ? axis : first.length + axis;
  const sizes = inputs.map((shape) => shape?.[at]);
  const whole = sizes.every((size) => typeof size === "number")
    ? sizes.reduce((sum, size) => sum + size, 0)
    : undefined;
  return first?.with(at, whole);
}

function slice(x: Shape, [starts, ends, axes]: readonly (readonly number[] | undefined)[]): Shape {
  if (x === undefined || axes === undefined) return undefined;
  const sliced = [...x];
  for (const [i, axis] of axes.entries()) {
    const [from, to] = [starts?.[i], ends?.[i]];
    const size = x.at(axis);
    const counted = from !== undefined && to !== undefined && from >= 0 && to >= 0 && typeof size === "number";
    sliced[axis < 0 ? x.length + axis : axis] = counted ? Math.max(0, Math.min(to, size) - from) : undefined;
  }
  return sliced;
}

function unsqueeze(x: Shape, axes: readonly number[] | undefined): Shape {
  if (x === undefined || axes === undefined) return undefined;
  const made: Dim[] = [...x];
  const rank = x.length + axes.length;
  for (const axis of axes.map((at) => (at < 0 ? rank + at : at)).toSorted((a, b) => a - b)) made.splice(axis, 0, 1);
  return made;
}
