import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { type AttentionInputs, attention, selfAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { centredRmsNorm, headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, rotate } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { addGated, modulation, onePlus } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type QwenImage21Config, qwenImage21Config } from "./qwen-image-21-config.ts";

/** Size that is the class's own. */
const waves = 256;

/** What text and pictures share: the graph, the places of tokens, and what the time makes of all blocks. */
interface Shared {
  graph: GraphBuilder;
  root: Scope;
  spec: QwenImage21Config;
  width: number;
  angles: Angles;
  vectors: Record<(typeof parts)[number], Value>;
  /** SiLU of the embedded time. */
  time: Value;
}

const parts = ["attentionScale", "attentionGate", "scale", "gate"] as const;

function shared(
  name: string,
  config: unknown,
  weights: Weights,
  options: BuildOptions,
  timestep?: (graph: GraphBuilder) => Value,
): Shared {
  const spec = qwenImage21Config(config);
  const graph = new GraphBuilder(name);
  const root = new Scope(graph, weights, options.adapter);
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const angles = angleInputs(graph, "", spec.attention_head_dim);
  const at = timestep?.(graph) ?? graph.floats([0], [1]);
  const embedder = root.in("time_text_embed.timestep_embedder");
  const time = activate(graph, "silu", embeddedWaves(embedder, at, waves, width, { bias: false }));
  const sizes = { inFeatures: width, features: width, bias: false };
  const made = modulation(root.in("modulation.1"), time, parts, sizes);
  const gates = { attentionGate: tanh(graph, made.attentionGate), gate: tanh(graph, made.gate) };
  return { graph, root, spec, width, angles, time, vectors: { ...made, ...gates } };
}

function tanh(graph: GraphBuilder, x: Value): Value {
  return graph.node("Tanh", [x]);
}

/**
 * What a text is to Qwen-Image 2.1's transformer, diffusers' QwenImage21Transformer2DModel: its tokens look at those before them alone, as at time 0, so that
 * their keys and values are the same in every step.
 *
 * Inputs: `cos`, `sin` `[tokens, head / 2]`; `text` `[1, tokens, context_in_dim]`. Outputs: for each block i `key_i` and `value_i`, `[1, tokens, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImage21Text(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const all = shared("QwenImage21Transformer2DModel text", config, weights, options);
  const { graph, root, spec, width } = all;
  const text = graph.input("text", "float32", [1, "tokens", spec.context_in_dim]);
  const into = root.in("txt_in");
  const normed = centredRmsNorm(into.in("text_norm"), text, spec.context_in_dim, spec.eps);
  const sizes = { inFeatures: spec.context_in_dim, outFeatures: width, bias: false };
  const wide = activate(graph, "gelu_new", linear(into.in("in_layer"), normed, sizes));
  let x = linear(into.in("out_layer"), wide, { ...sizes, inFeatures: width });
  for (let i = 0; i < spec.num_layers; i++) {
    const scope = root.in("transformer_blocks", i);
    const inputs = attentionInputs(scope, x, all);
    graph.output(inputs.key, `key_${i}`, "float32", [1, "tokens", width]);
    graph.output(inputs.value, `value_${i}`, "float32", [1, "tokens", width]);
    // Nothing of the last block is looked at but these.
    if (i === spec.num_layers - 1) break;
    const heeded = attention(graph, inputs, { heads: spec.num_attention_heads, causal: true });
    x = afterAttention(scope, x, heeded, all);
  }
  return networkGraph(graph);
}

/**
 * Qwen-Image 2.1's transformer over a picture's tokens, which look at each other and at the text's, whose keys and values {@link buildQwenImage21Text} makes.
 *
 * Inputs: `cos`, `sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000; `image` `[1, tokens, in_channels]`; for each block i `key_i` and `value_i`
 * `[1, before, width]`. Output: `velocity` `[1, tokens, in_channels]`, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImage21Transformer(
  config: unknown,
  weights: Weights,
  options: BuildOptions = {},
): NetworkGraph {
  const time = (graph: GraphBuilder) => graph.input("timestep", "float32", [1]);
  const all = shared("QwenImage21Transformer2DModel", config, weights, options, time);
  const { graph, root, spec, width } = all;
  const { in_channels: channels, num_attention_heads: heads } = spec;
  const image = graph.input("image", "float32", [1, "tokens", channels]);
  let x = linear(root.in("img_in"), image, { inFeatures: channels, outFeatures: width, bias: false });
  for (let i = 0; i < spec.num_layers; i++) {
    const scope = root.in("transformer_blocks", i);
    const { query, key, value } = attentionInputs(scope, x, all);
    const after = (name: string, own: Value) =>
      graph.node("Concat", [graph.input(`${name}_${i}`, "float32", [1, "before", width]), own], {
        attributes: { axis: { int: 1 } },
      });
    const heeded = selfAttention(graph, { query, key: after("key", key), value: after("value", value) }, heads);
    x = afterAttention(scope, x, heeded, all);
  }
  const square = { inFeatures: width, features: width, bias: false };
  const { scale } = modulation(root.in("norm_out.linear"), all.time, ["scale"], square);
  const even = modulatedLayerNorm(graph, x, { features: width, epsilon: spec.eps, scale: onePlus(graph, scale) });
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures: channels, bias: false });
  graph.output(output, "velocity", "float32", [1, "tokens", channels]);
  return networkGraph(graph);
}

function attentionInputs(scope: Scope, x: Value, { graph, spec, width, angles, vectors }: Shared): AttentionInputs {
  const { attention_head_dim: headSize, num_attention_heads: heads, eps: epsilon } = spec;
  const scale = onePlus(graph, vectors.attentionScale);
  const normed = modulatedLayerNorm(graph, x, { features: width, epsilon, scale });
  const heed = scope.in("attn");
  const project = (name: string) =>
    linear(heed.in(`to_${name}`), normed, { inFeatures: width, outFeatures: width, bias: false });
  const turned = (name: string) => {
    const even = headNorm(heed.in(`norm_${name}`), project(name), { heads, headSize, epsilon });
    return rotate(graph, even, angles, { heads, pairs: "interleaved" });
  };
  return { query: turned("q"), key: turned("k"), value: project("v") };
}

function afterAttention(scope: Scope, x: Value, heeded: Value, { graph, spec, width, vectors }: Shared): Value {
  const output = linear(scope.in("attn.to_out.0"), heeded, { inFeatures: width, outFeatures: width, bias: false });
  const middle = addGated(graph, x, vectors.attentionGate, output);
  const scale = onePlus(graph, vectors.scale);
  const normed = modulatedLayerNorm(graph, middle, { features: width, epsilon: spec.eps, scale });
  const names = { gate: "gate_layer", value: "proj", out: "out" };
  const sizes = { features: width, inner: spec.mlp_ratio * width, names };
  return addGated(graph, middle, vectors.gate, gatedFeedForward(scope.in("img_mlp"), normed, sizes));
}
