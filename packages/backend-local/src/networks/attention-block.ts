import { selfAttention } from "../graph/attention.ts";
import type { Value } from "../graph/graph-builder.ts";
import { linear } from "../graph/linear.ts";
import { groupNorm } from "../graph/norm.ts";
import type { Scope } from "../graph/scope.ts";
import { fromTokens, toTokens } from "../graph/tokens.ts";

/** Sizes of an attention block. */
export interface AttentionBlockOptions {
  channels: number;
  headSize: number;
  groups: number;
  epsilon: number;
}

/**
 * Self-attention over the pixels of `[batch, channels, height, width]`, added to them: group norm, projections with
 * biases, attention, projection. Files made before diffusers 0.18 call the projections query, key, value, proj_attn.
 */
export function attentionBlock(scope: Scope, input: Value, options: AttentionBlockOptions): Value {
  const { graph } = scope;
  const { channels, headSize, groups, epsilon } = options;
  const square = { inFeatures: channels, outFeatures: channels };
  const x = toTokens(graph, groupNorm(scope.in("group_norm"), input, { channels, groups, epsilon }));
  const query = linear(scope.inFirst("to_q", "query"), x, square);
  const key = linear(scope.inFirst("to_k", "key"), x, square);
  const value = linear(scope.inFirst("to_v", "value"), x, square);
  const attended = selfAttention(graph, { query, key, value }, channels / headSize);
  const projected = linear(scope.inFirst("to_out.0", "proj_attn"), attended, square);
  return graph.node("Add", [input, fromTokens(graph, projected, input)]);
}
