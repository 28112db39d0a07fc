import type { WeightTensor } from "../files/safetensors.ts";
import { scaleOfRows } from "../files/tensor-views.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import { withLastDimension } from "./last-dimension.ts";

/** A weight of small integers, `[outputs, inputs]`, with its scale: a number, or one for each output. */
export interface Int8Weight {
  values: Value;
  scale: Value;
  /** How many numbers the scale has. */
  scales: number;
  inputs: number;
  outputs: number;
}

/** Rows of a rotated int8 tensor as what {@link int8Product} takes: the bytes as they lie. */
export function int8Weight(
  graph: GraphBuilder,
  tensor: WeightTensor & { readonly scale: WeightTensor },
  [from, to]: readonly [from: number, to: number],
): Int8Weight {
  const [, inputs = 1] = tensor.shape;
  const outputs = to - from;
  const part = { from: from * inputs, length: outputs * inputs };
  const values = graph.stored({ tensor, type: "int8", dims: [outputs, inputs], ...part });
  const scale = scaleOfRows(tensor.scale, from, to);
  return { values, scale: graph.weight(scale, scale.shape), scales: scale.shape[0] ?? 1, inputs, outputs };
}

/**
 * `x·Wᵀ` in integers, `[…, inputs]` to `[…, outputs]`: each row of x is rounded to ±127 times a scale of its own, multiplied in 8 bits
 * and summed in 32, as ComfyUI computes such layers. Exact but for the rounding of x, which a rotation keeps small.
 */
export function int8Product(graph: GraphBuilder, x: Value, weight: Int8Weight): Value {
  const { values, scale, scales, inputs, outputs } = weight;
  graph.packs = true;
  const rows = graph.once(`${x} as rows of ${inputs}`, () => graph.node("Reshape", [x, graph.ints([-1, inputs])]));
  const step = graph.once(`${x} scale of rows`, () => {
    const peak = graph.node("ReduceMax", [graph.node("Abs", [rows]), graph.ints([1])], {
      attributes: { keepdims: { int: 1 } },
    });
    return graph.node("Max", [graph.node("Div", [peak, graph.floats(127)]), graph.floats(1e-30)]);
  });
  const one = graph.floats(1);
  const middle = graph.bytes(128);
  const rounded = graph.once(`${x} rounded`, () =>
    graph.node("QuantizeLinear", [graph.node("Div", [rows, step]), one, middle]),
  );
  const zeros = graph.signedBytes(new Array<number>(scales).fill(0), scales > 1 ? [scales] : []);
  const product = graph.node("QGemm", [rounded, one, middle, values, scale, zeros], {
    domain: "com.microsoft",
    attributes: { transB: { int: 1 } },
  });
  return withLastDimension(graph, graph.node("Mul", [product, step]), x, outputs);
}

/** Layers smaller than this are no faster in integers. */
const fewestElements = 1024 * 1024;

/** Whether a layer's weight is one to multiply with in integers. Without a rotation the rounding costs too much. */
export function suitsIntegers({ dtype, shape, scale, rotation, transposed }: WeightTensor): boolean {
  const [outputs = 0, inputs = 0] = shape;
  return (
    dtype === "I8" && scale !== undefined && rotation !== undefined && !transposed && outputs * inputs >= fewestElements
  );
}

/**
 * A graph that tells whether a device's integer products are exact: some processors add pairs of products in 16 bits, which overflow.
 * Input `x` `[1, 256]`; output `y` `[1, 32]` should be x's sum · 127 · 0.01.
 */
export function int8Probe(graph: GraphBuilder): Uint8Array {
  const [inputs, outputs] = [256, 32];
  const x = graph.input("x", "float32", [1, inputs]);
  const values = graph.signedBytes(new Array<number>(inputs * outputs).fill(127), [outputs, inputs]);
  const weight = { values, scale: graph.floats(0.01), scales: 1, inputs, outputs };
  graph.output(int8Product(graph, x, weight), "y", "float32", [1, outputs]);
  return graph.finish();
}
