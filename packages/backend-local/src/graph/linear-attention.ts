import { activate } from "./activation.ts";
import type { AttentionInputs } from "./attention.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";

/** What is added to what weights add up to. */
const epsilon = 1e-15;

/**
 * Attention of a sequence to itself, `[1, tokens, heads·headSize]`, whose weights are products of what ReLU leaves of queries and keys (Katharopoulos et al.
 * 2020, https://arxiv.org/abs/2006.16236; Cai et al. 2023, https://arxiv.org/abs/2205.14756): its cost grows with the number of tokens.
 */
export function linearAttention(
  graph: GraphBuilder,
  { query, key, value }: AttentionInputs,
  { heads, headSize }: { heads: number; headSize: number },
): Value {
  const turned = (x: Value, perm: readonly number[]) => {
    const apart = graph.node("Reshape", [x, graph.ints([0, 0, heads, headSize])]);
    return graph.node("Transpose", [apart], { attributes: { perm: { ints: perm } } });
  };
  const mixed = linearMix(graph, {
    query: turned(query, [0, 2, 3, 1]),
    key: turned(key, [0, 2, 1, 3]),
    value: turned(value, [0, 2, 3, 1]),
  });
  const back = graph.node("Transpose", [mixed], { attributes: { perm: { ints: [0, 3, 1, 2] } } });
  return graph.node("Reshape", [back, graph.ints([0, 0, heads * headSize])]);
}

/** The same of heads apart: `query` and `value` `[1, heads, headSize, tokens]`, as what it makes, and `key` `[1, heads, tokens, headSize]`. */
export function linearMix(graph: GraphBuilder, { query, key, value }: AttentionInputs): Value {
  const [q, k] = [activate(graph, "relu", query), activate(graph, "relu", key)];
  const sums = graph.node("ReduceSum", [k, graph.ints([-2])], { attributes: { keepdims: { int: 1 } } });
  const weights = graph.node("Add", [graph.node("MatMul", [sums, q]), graph.floats(epsilon)]);
  return graph.node("Div", [graph.node("MatMul", [graph.node("MatMul", [value, k]), q]), weights]);
}
