import type { Weights } from "../../files/weights.ts";
import { attention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { rmsNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { anyT5Config, type T5Config } from "./t5-config.ts";

/** What stands in the place of a score that doesn't count: the least float32. */
const never = -3.4028234663852886e38;

/**
 * T5's encoder (Raffel et al. 2019, https://arxiv.org/abs/1910.10683) in its version 1.1, transformers' T5EncoderModel: scores are not
 * scaled and have a learned bias by how far two tokens are apart, the same in all layers. Or UMT5's (Chung et al. 2023, https://arxiv.org/abs/2304.09151),
 * UMT5EncoderModel, where each layer has its own.
 *
 * Inputs: `input_ids` int32 `[1, tokens]`; `attended` bool `[1, 1, 1, tokens]`, false where padding stands that is not to be seen; `distances`
 * int32 `[tokens, tokens]`, see {@link t5Distances}. Output: `hidden_states` `[1, tokens, d_model]`, after the last norm.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildT5Encoder(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = anyT5Config(config);
  const graph = new GraphBuilder("T5EncoderModel");
  const root = new Scope(graph, weights, options.adapter);
  const { d_model: width, num_heads: heads, layer_norm_epsilon: epsilon } = spec;
  const model = root.in("encoder");

  const ids = graph.input("input_ids", "int32", [1, "tokens"]);
  const attended = graph.input("attended", "bool", [1, 1, 1, "tokens"]);
  const distances = graph.input("distances", "int32", ["tokens", "tokens"]);
  const maskOf = (layer: number) => {
    const table = model.in("block", layer, "layer.0.SelfAttention", "relative_attention_bias");
    const biases = table.lookup(distances, spec.relative_attention_num_buckets, heads);
    const byHead = graph.node("Transpose", [biases], { attributes: { perm: { ints: [2, 0, 1] } } });
    const all = graph.node("Unsqueeze", [byHead, graph.ints([0])]);
    return graph.node("Where", [attended, all, graph.floats(never)]);
  };
  const first = spec.model_type === "umt5" ? undefined : maskOf(0);

  let x = root.inFirst("shared", "encoder.embed_tokens").lookup(ids, spec.vocab_size, width);
  for (let i = 0; i < spec.num_layers; i++) x = block(model.in("block", i, "layer"), x, spec, first ?? maskOf(i));
  const states = rmsNorm(model.in("final_layer_norm"), x, width, epsilon);
  graph.output(states, "hidden_states", "float32", [1, "tokens", width]);
  return networkGraph(graph);
}

function block(scope: Scope, input: Value, spec: T5Config, mask: Value): Value {
  const { graph } = scope;
  const { d_model: width, d_kv: headSize, num_heads: heads, layer_norm_epsilon: epsilon } = spec;
  const inner = heads * headSize;
  const heed = scope.in("0.SelfAttention");
  const x = rmsNorm(scope.in("0.layer_norm"), input, width, epsilon);
  const project = (name: string) => linear(heed.in(name), x, { inFeatures: width, outFeatures: inner, bias: false });
  const inputs = { query: project("q"), key: project("k"), value: project("v") };
  const attended = attention(graph, inputs, { heads, mask, scale: 1 });
  const output = linear(heed.in("o"), attended, { inFeatures: inner, outFeatures: width, bias: false });
  const middle = graph.node("Add", [input, output]);

  const names = { gate: "wi_0", value: "wi_1", out: "wo" };
  const sizes = { features: width, inner: spec.d_ff, names, activation: "gelu_new" } as const;
  const normed = rmsNorm(scope.in("1.layer_norm"), middle, width, epsilon);
  return graph.node("Add", [middle, gatedFeedForward(scope.in("1.DenseReluDense"), normed, sizes)]);
}

/**
 * Which of the learned biases two tokens have, `[tokens, tokens]`, by how far the second is from the first: each small distance its own, larger ones
 * in steps that grow, all from `relative_attention_max_distance` on one; both ways apart.
 */
export function t5Distances(
  tokens: number,
  { relative_attention_num_buckets: buckets, relative_attention_max_distance: farthest }: T5Config,
): Int32Array {
  const half = buckets / 2;
  const exact = half / 2;
  const bucketOf = (distance: number) => {
    if (distance < exact) return distance;
    const share = Math.fround(
      Math.fround(Math.log(Math.fround(distance / exact))) / Math.fround(Math.log(farthest / exact)),
    );
    return Math.min(half - 1, exact + Math.trunc(Math.fround(share * (half - exact))));
  };
  const each = Array.from({ length: tokens }, (_, distance) => bucketOf(distance));
  return Int32Array.from({ length: tokens * tokens }, (_, i) => {
    const way = (i % tokens) - Math.floor(i / tokens);
    return each[Math.abs(way)]! + (way > 0 ? half : 0);
  });
}
