import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { groupNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";
import { fromTokens, toTokens } from "../../graph/tokens.ts";
import { type PerturbedAttention, selfAttend } from "./perturbed-attention.ts";

/** Sizes of an attention block. */
export interface AttentionBlockOptions {
  channels: number;
  headSize: number;
  groups: number;
  epsilon: number;
  perturbed?: PerturbedAttention | undefined;
}

const oldNames = { to_q: "query", to_k: "key", to_v: "value" } as const;

/**
 * Self-attention over the pixels of `[batch, channels, height, width]`, added to them: group norm, projections with
 * biases, attention, projection. Files made before diffusers 0.18 call the projections query, key, value, proj_attn.
 */
export function attentionBlock(scope: Scope, input: Value, options: AttentionBlockOptions): Value {
  const { graph } = scope;
  const { channels, headSize, groups, epsilon, perturbed } = options;
  const square = { inFeatures: channels, outFeatures: channels };
  const x = toTokens(graph, groupNorm(scope.in("group_norm"), input, { channels, groups, epsilon }));
  const project = (name: keyof typeof oldNames, tokens: Value) =>
    linear(scope.inFirst(name, oldNames[name]), tokens, square);
  const attended = selfAttend(scope, x, { project, heads: channels / headSize, perturbed });
  const projected = linear(scope.inFirst("to_out.0", "proj_attn"), attended, square);
  return graph.node("Add", [input, fromTokens(graph, projected, input)]);
}
