import type { OnnxNode } from "../graph/onnx-model.ts";
import type { Spelling } from "./spell.ts";

/** `x·Wᵀ`, with the bias that is added to it where that is so. */
export function spellLinear(spelling: Spelling, node: OnnxNode): boolean {
  const { draft, dialect, shapes } = spelling;
  if (dialect.linear === "fused") return false;
  const [x = "", weight = ""] = node.inputs;
  const [output = ""] = node.outputs;
  const [rows, columns] = shapes.get(weight) ?? [];
  if (typeof rows !== "number" || typeof columns !== "number") {
    // Fed with each run, such as a LoRA's, and small.
    const turned = draft.node("Transpose", [weight], { attributes: { perm: { ints: [1, 0] } } });
    draft.node("MatMul", [x, turned], { output });
    return true;
  }
  const added = biasOf(spelling, output, rows);
  const result = added?.output ?? output;
  const attributes = { transB: { int: 1 } };
  const inputs = [weight, ...(added === undefined ? [] : [added.bias])];
  const shape = shapes.get(x);
  if (shape?.length === 2) {
    draft.node("Gemm", [x, ...inputs], { attributes, output: result });
    return true;
  }
  const flat = draft.once(`${x} as rows of ${columns}`, () => draft.node("Reshape", [x, draft.ints([-1, columns])]));
  const product = draft.node("Gemm", [flat, ...inputs], { attributes });
  draft.node("Reshape", [product, shapeWith(spelling, x, rows)], { output: result });
  return true;
}

/** A value's shape, but for its last dimension. */
function shapeWith({ draft, shapes }: Spelling, x: string, last: number): string {
  const before = shapes.get(x)?.slice(0, -1);
  const free = before?.filter((dim) => typeof dim !== "number").length ?? Number.POSITIVE_INFINITY;
  if (before !== undefined && free <= 1)
    return draft.ints([...before.map((dim) => (typeof dim === "number" ? dim : -1)), last]);
  // A Concat of shapes is fused by onnxruntime, and wrongly where all are known.
  return draft.once(`shape of ${x} with ${last}`, () => {
    const shape = draft.once(`shape of ${x}`, () => draft.node("Shape", [x]));
    return draft.node("ScatterElements", [shape, draft.ints([-1]), draft.ints([last])]);
  });
}

/** The sum that a product goes into alone, where that is with a vector. */
function biasOf(spelling: Spelling, product: string, size: number) {
  const takers = spelling.consumers(product);
  const [sum] = takers;
  if (takers.length !== 1 || sum?.op !== "Add" || sum.inputs[0] !== product) return undefined;
  const [, bias = ""] = sum.inputs;
  const shape = spelling.shapes.get(bias);
  if (shape?.length !== 1 || shape[0] !== size || !spelling.has(bias)) return undefined;
  spelling.skip(sum);
  return { bias, output: sum.outputs[0]! };
}
