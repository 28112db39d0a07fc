import type { WeightTensor } from "../files/safetensors.ts";
import { type BlockType, blockTypes } from "../files/stored-type.ts";
import { BlockReader, fourBits } from "./block-values.ts";
import { storedViews } from "./block-weight.ts";
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
  const perBlock = fourBits[dtype as BlockType] && blockTypes[dtype as BlockType].elements;
  return perBlock !== undefined && shape.length === 2 && inputs % perBlock === 0 && !transposed;
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
  const { bytes, elements } = blockTypes[tensor.dtype as BlockType];
  const [outputs, inputs] = [to - from, tensor.shape[1]!];
  const [stored, blocks] = [inputs / elements, inputs / blockSize];
  const view = storedViews(graph, tensor, { bytes, first: from * stored, count: outputs * stored });
  const layout = graph.layout();
  const reader = new BlockReader(graph, layout.prepare, view);
  const { numbers, scale, added } = fourBits[tensor.dtype as BlockType]!(reader);
  const weight = layout.weight(reader.shape(numbers, [outputs, blocks, blockSize / 2]), "uint8");
  const scales = layout.weight(reader.shape(scale, [outputs, blocks]), "float32");
  const attributes = { K: inputs, N: outputs, bits: 4, block_size: blockSize, accuracy_level: 0 };
  const product = layout.node("MatMulNBits", [x, weight, scales], {
    ...microsoft,
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, int]) => [name, { int }])),
  });
  const size = outputs * blocks * (blockSize / 2 + 4);
  if (added === undefined) return layout.finish(product, size);
  const more = layout.weight(reader.shape(added, [outputs, blocks]), "float32");
  const apart = layout.node("Reshape", [x, graph.ints([-1, blocks, blockSize])]);
  const sums = layout.node("ReduceSum", [apart, graph.ints([-1])], { attributes: { keepdims: { int: 0 } } });
  const rest = layout.node("FusedMatMul", [sums, more], { ...microsoft, attributes: { transB: { int: 1 } } });
  const shaped = layout.node("Reshape", [rest, layout.node("Shape", [product])]);
  return layout.finish(layout.node("Add", [product, shaped]), size + outputs * blocks * 4);
}
