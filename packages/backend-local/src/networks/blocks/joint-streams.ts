import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";

/** A text's and a picture's tokens, `[1, tokens, width]` both, that attend to each other as one sequence. */
export type Streams = Record<"text" | "image", Value>;

/** One sequence of both, the text first. */
export function joined(graph: GraphBuilder, { text, image }: Streams): Value {
  return graph.node("Concat", [text, image], { attributes: { axis: { int: 1 } } });
}

/** One sequence of several, one after the other. */
export function inOneSequence(graph: GraphBuilder, streams: readonly Value[]): Value {
  return streams.length === 1 ? streams[0]! : graph.node("Concat", streams, { attributes: { axis: { int: 1 } } });
}

/** The parts of a sequence that are as long as `streams`, in their order. */
export function apart(graph: GraphBuilder, x: Value, streams: readonly Value[]): Value[] {
  let from = graph.ints([0]);
  return streams.map((stream) => {
    const to = graph.node("Add", [from, tokensOf(graph, stream)]);
    const part = graph.node("Slice", [x, from, to, graph.ints([1])]);
    from = to;
    return part;
  });
}

/** How many tokens a stream has, `[1]`. */
export function tokensOf(graph: GraphBuilder, stream: Value): Value {
  return graph.node("Shape", [stream], { attributes: { start: { int: 1 }, end: { int: 2 } } });
}

/** The two streams of a joint one. */
export function split(graph: GraphBuilder, x: Value, textTokens: Value): Streams {
  const slice = (from: Value, to: Value) => graph.node("Slice", [x, from, to, graph.ints([1])]);
  return { text: slice(graph.ints([0]), textTokens), image: slice(textTokens, graph.ints([2 ** 31 - 1])) };
}
