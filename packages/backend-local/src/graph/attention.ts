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

/**
 * Keys or values `[batch, tokens, kvHeads·headSize]` whose heads are each shared by several of queries (grouped queries, Ainslie et al. 2023), repeated
 * for them: `[batch, tokens, heads·headSize]`. So {@link selfAttention} can take them, which holds no scores.
 */
export function sharedHeads(
  graph: GraphBuilder,
  input: Value,
  { heads, kvHeads, headSize }: { heads: number; kvHeads: number; headSize: number },
): Value {
  if (heads === kvHeads) return input;
  const apart = graph.node("Reshape", [input, graph.ints([0, 0, kvHeads, 1, headSize])]);
  const repeated = graph.node("Expand", [apart, graph.ints([1, 1, 1, heads / kvHeads, 1])]);
  return graph.node("Reshape", [repeated, graph.ints([0, 0, heads * headSize])]);
}

/** How an attention is done. */
export interface AttentionOptions {
  heads: number;
  /** Heads of keys and values, each shared by as many query heads (grouped queries, Ainslie et al. 2023). Default: `heads`. */
  kvHeads?: number;
  /** Each token attends to itself and those before it. */
  causal?: boolean;
  /** What may be attended to, bool, or what is added to the scores, float: broadcast to `[batch, heads, queries, keys]`. */
  mask?: Value;
  /** What scores are multiplied by. Default `1/√headSize`. */
  scale?: number;
}

/** Attention to another sequence, or to its own with a mask. */
export function attention(
  graph: GraphBuilder,
  { query, key, value }: AttentionInputs,
  { heads, kvHeads = heads, causal = false, mask, scale }: AttentionOptions,
): Value {
  const attributes = {
    q_num_heads: { int: heads },
    kv_num_heads: { int: kvHeads },
    is_causal: { int: causal ? 1 : 0 },
    ...(scale === undefined ? {} : { scale: { float: scale } }),
  };
  const inputs = [query, key, value, ...(mask === undefined ? [] : [mask])];
  return graph.node("Attention", inputs, { attributes });
}

/** A score that is no weight. */
const never = -1e30;

/** What keeps each of a sequence's tokens from looking at later ones, `[tokens, tokens]`: made of its shape alone, where shapes are. */
function causalBias(graph: GraphBuilder, sequence: Value): Value {
  const count = graph.node("Squeeze", [
    graph.node("Shape", [sequence], { attributes: { start: { int: 1 }, end: { int: 2 } } }),
  ]);
  const places = graph.node("Range", [graph.ints(0), count, graph.ints(1)]);
  const [own, others] = [[1], [0]].map((axes) => graph.node("Unsqueeze", [places, graph.ints(axes)])) as [Value, Value];
  return graph.node("Where", [graph.node("Less", [own, others]), graph.floats(never), graph.floats(0)]);
}

/** How scores are capped. */
export interface CappedAttentionOptions {
  heads: number;
  kvHeads: number;
  headSize: number;
  scale: number;
  /** Scores become `cap·tanh(score/cap)`. */
  cap: number | undefined;
  /** What may be attended to of what a token and those before it are: bool `[1, 1, tokens, tokens]`. */
  mask: Value;
}

/** Causal attention with capped scores (Gemma 2, https://arxiv.org/abs/2408.00118), step by step: ONNX caps what the mask has hidden, too. */
export function cappedAttention(
  graph: GraphBuilder,
  { query, key, value }: AttentionInputs,
  { heads, kvHeads, headSize, scale, cap, mask }: CappedAttentionOptions,
): Value {
  const turn = (x: Value, perm: readonly number[]) =>
    graph.node("Transpose", [graph.node("Reshape", [x, graph.ints([0, 0, heads, headSize])])], {
      attributes: { perm: { ints: perm } },
    });
  const shared = (x: Value) => sharedHeads(graph, x, { heads, kvHeads, headSize });
  const product = graph.node("MatMul", [turn(query, [0, 2, 1, 3]), turn(shared(key), [0, 2, 3, 1])]);
  const scaled = graph.node("Mul", [product, graph.floats(cap === undefined ? scale : scale / cap)]);
  const scores = cap === undefined ? scaled : graph.node("Mul", [graph.node("Tanh", [scaled]), graph.floats(cap)]);
  const inTime = graph.node("Add", [scores, graph.once("causal", () => causalBias(graph, query))]);
  const hidden = graph.node("Where", [mask, inTime, graph.floats(never)]);
  const weights = graph.node("Softmax", [hidden], { attributes: { axis: { int: -1 } } });
  const mixed = graph.node("MatMul", [weights, turn(shared(value), [0, 2, 1, 3])]);
  const back = graph.node("Transpose", [mixed], { attributes: { perm: { ints: [0, 2, 1, 3] } } });
  return graph.node("Reshape", [back, graph.ints([0, 0, heads * headSize])]);
}
