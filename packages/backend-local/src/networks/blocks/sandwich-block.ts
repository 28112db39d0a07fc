import { selfAttention, sharedHeads } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, rmsNorm } from "../../graph/norm.ts";
import { type Angles, rotate } from "../../graph/rotary.ts";
import type { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "./gated-feed-forward.ts";
import { addGated, onePlus } from "./modulation.ts";

/** Names of a block's modulations, in the order in which files have them. */
export const sandwichVectors = ["attentionScale", "attentionGate", "scale", "gate"] as const;

/** Sizes of a block, and what its layers are called. */
export interface SandwichOptions {
  width: number;
  /** Of the feed-forward network. */
  inner: number;
  heads: number;
  kvHeads: number;
  epsilon: number;
  normsHeads: boolean;
  angles: Angles;
  names: {
    attention: string;
    attentionNorms: readonly [before: string, after: string];
    feedNorms: readonly [before: string, after: string];
    feed: { gate: string; value: string; out: string };
  };
  /** `[width]` each; not where nothing is modulated. */
  vectors?: Record<(typeof sandwichVectors)[number], Value> | undefined;
}

/** What norms of heads add to a variance. */
const headEpsilon = 1e-5;

/** Attention and feed-forward, each between two norms, scaled before and gated after (Lumina-Next, https://arxiv.org/abs/2406.18583). */
export function sandwichBlock(scope: Scope, x: Value, options: SandwichOptions): Value {
  const { graph } = scope;
  const { width, inner, epsilon, names, vectors } = options;
  const norm = (name: string, value: Value, scale?: Value) =>
    rmsNorm(scope.in(name), value, width, epsilon, scale && onePlus(graph, scale));
  const add = (to: Value, branch: Value, gate: Value | undefined) =>
    gate ? addGated(graph, to, graph.node("Tanh", [gate]), branch) : graph.node("Add", [to, branch]);

  const [beforeAttention, afterAttention] = names.attentionNorms;
  const heeded = attend(scope.in(names.attention), norm(beforeAttention, x, vectors?.attentionScale), options);
  const middle = add(x, norm(afterAttention, heeded), vectors?.attentionGate);
  const [beforeFeed, afterFeed] = names.feedNorms;
  const sizes = { features: width, inner, names: names.feed };
  const fed = gatedFeedForward(scope.in("feed_forward"), norm(beforeFeed, middle, vectors?.scale), sizes);
  return add(middle, norm(afterFeed, fed), vectors?.gate);
}

function attend(scope: Scope, x: Value, { width, heads, kvHeads, normsHeads, angles }: SandwichOptions): Value {
  const { graph } = scope;
  const headSize = width / heads;
  const project = (name: string, count: number) =>
    linear(scope.in(`to_${name}`), x, { inFeatures: width, outFeatures: count * headSize, bias: false });
  const turned = (name: "q" | "k", count: number) => {
    const projected = project(name, count);
    const sizes = { heads: count, headSize, epsilon: headEpsilon };
    const normed = normsHeads ? headNorm(scope.in(`norm_${name}`), projected, sizes) : projected;
    return rotate(graph, normed, angles, { heads: count, pairs: "interleaved" });
  };
  const shared = (value: Value) => sharedHeads(graph, value, { heads, kvHeads, headSize });
  const inputs = { query: turned("q", heads), key: shared(turned("k", kvHeads)), value: shared(project("v", kvHeads)) };
  const output = selfAttention(graph, inputs, heads);
  return linear(scope.in("to_out.0"), output, { inFeatures: width, outFeatures: width, bias: false });
}
