import type { GraphBuilder, Value } from "./graph-builder.ts";

/** The projected inputs of an attention, each `[batch, tokens, heads·headSize]`. */
export interface AttentionInputs {
  query: Value;
  key: Value;
  value: Value;
}

/**
 * Attention of a sequence to itself, `[batch, tokens, heads·headSize]`. On the CPU this kernel works block by block (as
 * FlashAttention, Dao et al. 2022) and never holds the `tokens × tokens` scores.
 */
export function selfAttention(graph: GraphBuilder, { query, key, value }: AttentionInputs, heads: number): Value {
  const attributes = { num_heads: { int: heads } };
  return graph.node("MultiHeadAttention", [query, key, value], { domain: "com.microsoft", attributes });
}

/** Attention to another sequence, or (causal) of each token to itself and those before it. */
export function attention(
  graph: GraphBuilder,
  { query, key, value }: AttentionInputs,
  { heads, causal = false }: { heads: number; causal?: boolean },
): Value {
  const attributes = { q_num_heads: { int: heads }, kv_num_heads: { int: heads }, is_causal: { int: causal ? 1 : 0 } };
  return graph.node("Attention", [query, key, value], { attributes });
}
