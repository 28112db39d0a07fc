import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { centredRmsNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { gatedAttention } from "./gated-attention.ts";
import type { Krea2Config } from "./krea2-config.ts";

/** Names of the three layers that all of Krea 2's feed-forward networks have. */
export const feedNames = { gate: "gate", value: "up", out: "down" };

/**
 * One state `[1, tokens, text_hidden_dim]` for each token, of several `[1, tokens, layers·text_hidden_dim]` that lie side by side: each token's
 * attend to each other, are added up with learned weights, and then the tokens attend to each other.
 */
export function textFusion(scope: Scope, states: Value, spec: Krea2Config): Value {
  const { graph } = scope;
  const { text_hidden_dim: width, num_text_layers: layers } = spec;
  const blocks = (name: string, count: number, x: Value) => {
    for (let i = 0; i < count; i++) x = fusionBlock(scope.in(name, i), x, spec);
    return x;
  };
  const byToken = graph.node("Reshape", [states, graph.ints([-1, layers, width])]);
  const mixed = blocks("layerwise_blocks", spec.num_layerwise_text_blocks, byToken);
  const turned = graph.node("Transpose", [mixed], { attributes: { perm: { ints: [0, 2, 1] } } });
  const sum = linear(scope.in("projector"), turned, { inFeatures: layers, outFeatures: 1, bias: false });
  const tokens = graph.node("Reshape", [sum, graph.ints([1, -1, width])]);
  return blocks("refiner_blocks", spec.num_refiner_text_blocks, tokens);
}

function fusionBlock(scope: Scope, x: Value, spec: Krea2Config): Value {
  const { graph } = scope;
  const { text_hidden_dim: width, norm_eps: epsilon } = spec;
  const normed = (name: string, value: Value) => centredRmsNorm(scope.in(name), value, width, epsilon);
  const heeded = gatedAttention(scope.in("attn"), normed("norm1", x), {
    ...{ width, heads: spec.text_num_attention_heads, kvHeads: spec.text_num_key_value_heads, epsilon },
  });
  const middle = graph.node("Add", [x, heeded]);
  const sizes = { features: width, inner: spec.text_intermediate_size, names: feedNames };
  return graph.node("Add", [middle, gatedFeedForward(scope.in("ff"), normed("norm2", middle), sizes)]);
}
