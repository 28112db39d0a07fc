import type { GraphBuilder, Value } from "./graph-builder.ts";

/** Cosines and sines of each token's angles, `[tokens, headSize / 2]` both. */
export interface Angles {
  cos: Value;
  sin: Value;
}

/** How the two numbers of a pair lie in a head: beside each other, or in its first and in its second half. */
export type RotaryPairs = "interleaved" | "halves";

/** Rotary position embedding (Su et al. 2021) of queries or keys `[batch, tokens, heads·headSize]`: each pair is turned by its angle. */
export function rotate(
  graph: GraphBuilder,
  input: Value,
  { cos, sin }: Angles,
  { heads, pairs }: { heads: number; pairs: RotaryPairs },
): Value {
  const attributes = { num_heads: { int: heads }, interleaved: { int: pairs === "interleaved" ? 1 : 0 } };
  // The tables have a row for each token: its position is its place.
  return graph.node("RotaryEmbedding", [input, graph.ints([0]), cos, sin], { domain: "com.microsoft", attributes });
}

/** Inputs for {@link Angles}, `cos` and `sin` after their prefix. `tokens` is what their number is called. */
export function angleInputs(graph: GraphBuilder, prefix: string, headSize: number, tokens = `${prefix}tokens`): Angles {
  const input = (name: string) => graph.input(`${prefix}${name}`, "float32", [tokens, headSize / 2]);
  return { cos: input("cos"), sin: input("sin") };
}

/** The angles of two sequences, one after the other. */
export function joinAngles(graph: GraphBuilder, a: Angles, b: Angles): Angles {
  const join = (of: "cos" | "sin") => graph.node("Concat", [a[of], b[of]], { attributes: { axis: { int: 0 } } });
  return { cos: join("cos"), sin: join("sin") };
}
