import { type AttentionInputs, attention, selfAttention } from "../../graph/attention.ts";
import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";

/** A stretch of a sequence: words, which look at themselves and what stands before them, or a picture, which looks at all of itself as well. */
export interface Stretch {
  /** Places of its tokens, int64 `[queries]`, and of all up to its end, `[keys]`. */
  own: Value;
  seen: Value;
  /** Of words: what each may look at, bool `[queries, keys]`. */
  mask?: Value;
}

/** Words, a picture, words … words, by where each begins: an input `begins`, int64 `[2·pictures + 2]`, whose last is the end of all. */
export function stretchesOf(graph: GraphBuilder, pictures: number): Stretch[] {
  const begins = graph.input("begins", "int64", [2 * pictures + 2]);
  const at = Array.from({ length: 2 * pictures + 2 }, (_, i) => graph.node("Gather", [begins, graph.ints(i)]));
  return at.slice(1).map((end, i) => {
    const [own, seen] = [at[i]!, graph.ints(0)].map((from) => graph.node("Range", [from, end, graph.ints(1)])) as [
      Value,
      Value,
    ];
    return { own, seen, ...(i % 2 === 0 && { mask: looksBack(graph, own, seen) }) };
  });
}

/** For each of some places, which of others are none of a later one. */
function looksBack(graph: GraphBuilder, own: Value, seen: Value): Value {
  const [rows, columns] = [own, seen].map((places, i) => graph.node("Unsqueeze", [places, graph.ints([1 - i])]));
  return graph.node("Not", [graph.node("Less", [rows!, columns!])]);
}

/** Attention stretch after stretch, `[1, tokens, heads·headSize]`: scores of pictures' tokens, which are many, are never held. */
export function attentionInStretches(
  graph: GraphBuilder,
  { query, key, value }: AttentionInputs,
  heads: number,
  stretches: readonly Stretch[],
): Value {
  // Not sliced: the runtime would know no width of what is between places that are fed.
  const at = (of: Value, places: Value) => graph.node("Gather", [of, places], { attributes: { axis: { int: 1 } } });
  const each = stretches.map(({ own, seen, mask }) => {
    const inputs = { query: at(query, own), key: at(key, seen), value: at(value, seen) };
    return mask === undefined ? selfAttention(graph, inputs, heads) : attention(graph, inputs, { heads, mask });
  });
  return graph.node("Concat", each, { attributes: { axis: { int: 1 } } });
}
