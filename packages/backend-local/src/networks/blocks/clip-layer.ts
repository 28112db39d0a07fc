import { type Activation, activate } from "../../graph/activation.ts";
import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { layerNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";

/** Sizes of a layer, by transformers' names. */
export interface ClipLayerSizes {
  hidden_size: number;
  intermediate_size: number;
  num_attention_heads: number;
  layer_norm_eps: number;
  hidden_act: Activation;
}

/**
 * A layer of CLIP's encoders: attention of tokens to all, or (causal) to themselves and those before them, and two linear layers, each after a
 * norm and added to what came in.
 */
export function clipLayer(scope: Scope, input: Value, spec: ClipLayerSizes, causal: boolean): Value {
  const { graph } = scope;
  const { hidden_size: width, intermediate_size: inner, layer_norm_eps: epsilon } = spec;
  const square = { inFeatures: width, outFeatures: width };

  const heed = scope.in("self_attn");
  const x = layerNorm(scope.in("layer_norm1"), input, width, epsilon);
  const query = linear(heed.in("q_proj"), x, square);
  const key = linear(heed.in("k_proj"), x, square);
  const value = linear(heed.in("v_proj"), x, square);
  const attended = attention(graph, { query, key, value }, { heads: spec.num_attention_heads, causal });
  const middle = graph.node("Add", [input, linear(heed.in("out_proj"), attended, square)]);

  const y = layerNorm(scope.in("layer_norm2"), middle, width, epsilon);
  const wide = linear(scope.in("mlp", "fc1"), y, { inFeatures: width, outFeatures: inner });
  const active = activate(graph, spec.hidden_act, wide);
  return graph.node("Add", [middle, linear(scope.in("mlp", "fc2"), active, { inFeatures: inner, outFeatures: width })]);
}
