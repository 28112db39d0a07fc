import { activate } from "../../graph/activation.ts";
import { type AttentionInputs, selfAttention } from "../../graph/attention.ts";
import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, rotate } from "../../graph/rotary.ts";
import type { Scope } from "../../graph/scope.ts";
import { stackedFeedForward } from "../blocks/gated-feed-forward.ts";
import { apart, inOneSequence, type Streams } from "../blocks/joint-streams.ts";
import { addGated, modulation, onePlus } from "../blocks/modulation.ts";
import type { Flux2Config } from "./flux2-transformer-config.ts";

/** Vectors of attention and feed-forward side by side; of one after the other. */
const once = ["shift", "scale", "gate"] as const;
const twice = ["attentionShift", "attentionScale", "attentionGate", "shift", "scale", "gate"] as const;

type Stream = keyof Streams;
type Twice = Record<(typeof twice)[number], Value>;

/** What all blocks share. */
export interface Flux2Blocks {
  readonly spec: Flux2Config;
  readonly width: number;
  /** Places of the whole sequence. */
  readonly angles: Angles;
  /** What is done with a block's keys and values before anything attends to them. */
  readonly attendedTo: (inputs: AttentionInputs) => AttentionInputs;
}

/** The vectors of blocks of two streams at a time that went through SiLU; those of `streams` alone. */
export function doubleVectors<S extends Stream>(root: Scope, time: Value, streams: readonly S[], width: number) {
  const of = { image: "double_stream_modulation_img", text: "double_stream_modulation_txt" };
  const sizes = { inFeatures: width, features: width, bias: false };
  const each = streams.map((name) => [name, modulation(root.in(of[name], "linear"), time, twice, sizes)] as const);
  return Object.fromEntries(each) as Record<S, Twice>;
}

/** The vectors of blocks of one stream. */
export function singleVectors(root: Scope, time: Value, width: number) {
  const sizes = { inFeatures: width, features: width, bias: false };
  return modulation(root.in("single_stream_modulation.linear"), time, once, sizes);
}

/** A block of streams, each with layers of its own, that attend to each other in one sequence, in the order in which they are given. */
export function doubleBlock<S extends Stream>(
  scope: Scope,
  streams: Readonly<Record<S, Value>>,
  vectors: Readonly<Record<S, Twice>>,
  { spec, width, angles, attendedTo }: Flux2Blocks,
): Record<S, Value> {
  const { graph } = scope;
  const { num_attention_heads: heads, attention_head_dim: headSize, eps: epsilon, mlp_ratio } = spec;
  const square = { inFeatures: width, outFeatures: width, bias: false };
  const names = Object.keys(streams) as S[];
  const heed = scope.in("attn");
  const inputs = names.map((of) => {
    const { attentionScale, attentionShift } = vectors[of];
    return normed(graph, streams[of], attentionScale, attentionShift, { spec, width });
  });
  const project = (name: "q" | "k" | "v") => {
    const each = names.map((of, i) => {
      const projected = linear(heed.in(of === "image" ? `to_${name}` : `add_${name}_proj`), inputs[i]!, square);
      if (name === "v") return projected;
      const norm = heed.in(of === "image" ? `norm_${name}` : `norm_added_${name}`);
      return headNorm(norm, projected, { heads, headSize, epsilon });
    });
    return inOneSequence(graph, each);
  };
  const turned = (name: "q" | "k") => rotate(graph, project(name), angles, { heads, pairs: "interleaved" });
  const heeded = attendedTo({ query: turned("q"), key: turned("k"), value: project("v") });
  const all = selfAttention(graph, heeded, heads);
  const sequence = names.map((of) => streams[of]);
  const parts = names.length === 1 ? [all] : apart(graph, all, sequence);
  const after = (of: S, i: number) => {
    const { attentionGate, shift, scale, gate } = vectors[of];
    const [out, feed] = of === "image" ? ["to_out.0", "ff"] : ["to_add_out", "ff_context"];
    const middle = addGated(graph, streams[of], attentionGate, linear(heed.in(out!), parts[i]!, square));
    const inner = Math.trunc(width * mlp_ratio);
    const even = normed(graph, middle, scale, shift, { spec, width });
    return addGated(graph, middle, gate, stackedFeedForward(scope.in(feed!), even, width, inner));
  };
  return Object.fromEntries(names.map((of, i) => [of, after(of, i)])) as Record<S, Value>;
}

/** A block of one stream, whose attention and feed-forward run side by side; where nothing looks at what comes out, its keys and values alone. */
export function singleBlock(
  scope: Scope,
  x: Value,
  vectors: Record<(typeof once)[number], Value>,
  { spec, width, angles, attendedTo }: Flux2Blocks,
  isLooked = true,
): Value {
  const { graph } = scope;
  const { num_attention_heads: heads, attention_head_dim: headSize, eps: epsilon } = spec;
  const inner = Math.trunc(width * spec.mlp_ratio);
  const heed = scope.in("attn");
  const even = normed(graph, x, vectors.scale, vectors.shift, { spec, width });
  // One layer makes all of a block's inputs: queries, keys, values, the feed-forward's gate and its value.
  const outFeatures = 3 * width + 2 * inner;
  const part = (from: number, size: number) =>
    linear(heed.in("to_qkv_mlp_proj"), even, {
      inFeatures: width,
      outFeatures,
      bias: false,
      rows: [from, from + size],
    });
  const turned = (name: "q" | "k", from: number) => {
    const own = headNorm(heed.in(`norm_${name}`), part(from, width), { heads, headSize, epsilon });
    return rotate(graph, own, angles, { heads, pairs: "interleaved" });
  };
  const inputs = attendedTo({ query: turned("q", 0), key: turned("k", width), value: part(2 * width, width) });
  if (!isLooked) return x;
  const gated = graph.node("Mul", [activate(graph, "silu", part(3 * width, inner)), part(3 * width + inner, inner)]);
  const attributes = { axis: { int: -1 } };
  const all = graph.node("Concat", [selfAttention(graph, inputs, heads), gated], { attributes });
  const output = linear(heed.in("to_out"), all, { inFeatures: width + inner, outFeatures: width, bias: false });
  return addGated(graph, x, vectors.gate, output);
}

function normed(
  graph: GraphBuilder,
  x: Value,
  scale: Value,
  shift: Value,
  { spec, width }: Pick<Flux2Blocks, "spec" | "width">,
): Value {
  return modulatedLayerNorm(graph, x, { features: width, epsilon: spec.eps, scale: onePlus(graph, scale), shift });
}
