import { addsToBlocks, type FourBitType, isFourBitType } from "../files/four-bits-apart.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { blockTypes } from "../files/stored-type.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import type { Layout } from "./layout.ts";

/** Numbers that share a scale. */
const blockSize = 32;

const microsoft = { domain: "com.microsoft" } as const;

/**
 * Whether a layer's weight is one that MatMulNBits is faster with than FusedMatMul is with float32, to the same result: of four bits. (With eight it is
 * slower, unless what is multiplied is rounded to 8 bits too, which shows in pictures: docs/decisions/063-blocks-laid-out.md.)
 */
export function suitsBlocks({ dtype, shape, transposed }: WeightTensor): boolean {
  const [, inputs = 0] = shape;
  if (!isFourBitType(dtype) || shape.length !== 2 || transposed) return false;
  return inputs % blockTypes[dtype].elements === 0;
}

/**
 * How rows of four bits are laid out when the graph is loaded, for products with `x`: the numbers two in a byte, and beside them a scale for each 32. What
 * some types add to each block of 32 beside, its own number, is multiplied with the sum of x over the block.
 */
export function blockLayout(
  graph: GraphBuilder,
  x: Value,
  tensor: WeightTensor,
  [from, to]: readonly [from: number, to: number],
): Layout {
  const [outputs, inputs] = [to - from, tensor.shape[1]!];
  const blocks = inputs / blockSize;
  const rowBytes = tensor.length / tensor.shape[0]!;
  const layout = graph.layout({ ...tensor, offset: tensor.offset + from * rowBytes, length: outputs * rowBytes });
  const numbers = layout.weight("uint8", [outputs, blocks, blockSize / 2]);
  const scales = layout.weight("float32", [outputs, blocks]);
  const attributes = { K: inputs, N: outputs, bits: 4, block_size: blockSize, accuracy_level: 0 };
  const product = layout.node("MatMulNBits", [x, numbers, scales], {
    ...microsoft,
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, int]) => [name, { int }])),
  });
  if (!addsToBlocks(tensor.dtype as FourBitType)) return layout.finish();
  const added = layout.weight("float32", [outputs, blocks]);
  const apart = layout.node("Reshape", [x, graph.ints([-1, blocks, blockSize])]);
  const sums = layout.node("ReduceSum", [apart, graph.ints([-1])], { attributes: { keepdims: { int: 0 } } });
  const rest = layout.node("FusedMatMul", [sums, added], { ...microsoft, attributes: { transB: { int: 1 } } });
  layout.node("Add", [product, layout.node("Reshape", [rest, layout.node("Shape", [product])])]);
  return layout.finish();
}
