import { selfAttention, sharedHeads } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { centredRmsNorm, headNorm } from "../../graph/norm.ts";
import { type Angles, rotate } from "../../graph/rotary.ts";
import type { Scope } from "../../graph/scope.ts";

/** Sizes of an attention with a gate. */
export interface GatedAttentionOptions {
  width: number;
  heads: number;
  kvHeads: number;
  epsilon: number;
  /** Where tokens have a place. */
  angles?: Angles;
}

/** A sequence's attention to itself, its output gated, number by number, by what a layer makes of the same input (Qiu et al. 2025). */
export function gatedAttention(
  scope: Scope,
  x: Value,
  { width, heads, kvHeads, epsilon, angles }: GatedAttentionOptions,
): Value {
  const { graph } = scope;
  const headSize = width / heads;
  const project = (name: string, count: number) =>
    linear(scope.in(name), x, { inFeatures: width, outFeatures: count * headSize, bias: false });
  const turned = (name: "q" | "k", count: number) => {
    const sizes = { heads: count, headSize, epsilon };
    const normed = headNorm(scope.in(`norm_${name}`), project(`to_${name}`, count), sizes, centredRmsNorm);
    return angles ? rotate(graph, normed, angles, { heads: count, pairs: "interleaved" }) : normed;
  };
  const shared = (value: Value) => sharedHeads(graph, value, { heads, kvHeads, headSize });
  const inputs = {
    query: turned("q", heads),
    key: shared(turned("k", kvHeads)),
    value: shared(project("to_v", kvHeads)),
  };
  const gate = graph.node("Sigmoid", [project("to_gate", heads)]);
  const gated = graph.node("Mul", [selfAttention(graph, inputs, heads), gate]);
  return linear(scope.in("to_out.0"), gated, { inFeatures: width, outFeatures: width, bias: false });
}
