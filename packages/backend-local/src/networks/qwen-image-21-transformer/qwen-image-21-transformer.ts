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
import { attentionInStretches, stretchesOf } from "./attention-in-stretches.ts";
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
  { name, tokens }: { name: string; tokens: string },
  config: unknown,
  weights: Weights,
  options: BuildOptions,
  timestep?: (graph: GraphBuilder) => Value,
): Shared {
  const spec = qwenImage21Config(config);
  const graph = new GraphBuilder(name);
  const root = new Scope(graph, weights, options.adapter);
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const angles = angleInputs(graph, "", spec.attention_head_dim, tokens);
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

/** Options of {@link buildQwenImage21Text}. */
export interface QwenImage21TextOptions extends BuildOptions {
  /** How many reference pictures stand among the words. Default 0. */
  pictures?: number;
}

/**
 * What a text, and reference pictures in it, are to Qwen-Image 2.1's transformer, diffusers' QwenImage21Transformer2DModel: words look at what stands before
 * them alone, pictures at that and at all of themselves, as at time 0, so that their keys and values are the same in every step.
 *
 * Inputs: `cos`, `sin` `[before, head / 2]`; `text` `[1, text_tokens, context_in_dim]`. With pictures also `reference` `[1, reference_tokens, in_channels]`;
 * `order` int32 `[1, before]`, which of the text's and then the pictures' tokens stands at each place; and `begins` int64 `[2·pictures + 2]`, where the words
 * before each picture begin, and the picture, and last the words after all, and where these end. Outputs: for each block i `key_i` and `value_i`,
 * `[1, before, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImage21Text(
  config: unknown,
  weights: Weights,
  { pictures = 0, ...options }: QwenImage21TextOptions = {},
): NetworkGraph {
  const naming = { name: "QwenImage21Transformer2DModel text", tokens: "before" };
  const all = shared(naming, config, weights, options);
  const { graph, root, spec, width } = all;
  const heads = spec.num_attention_heads;
  const text = graph.input("text", "float32", [1, pictures === 0 ? "before" : "text_tokens", spec.context_in_dim]);
  const into = root.in("txt_in");
  const normed = centredRmsNorm(into.in("text_norm"), text, spec.context_in_dim, spec.eps);
  const sizes = { inFeatures: spec.context_in_dim, outFeatures: width, bias: false };
  const wide = activate(graph, "gelu_new", linear(into.in("in_layer"), normed, sizes));
  const words = linear(into.in("out_layer"), wide, { ...sizes, inFeatures: width });
  let x = pictures === 0 ? words : amongWords(words, all);
  const stretches = pictures === 0 ? undefined : stretchesOf(graph, pictures);
  for (let i = 0; i < spec.num_layers; i++) {
    const scope = root.in("transformer_blocks", i);
    const inputs = attentionInputs(scope, x, all);
    graph.output(inputs.key, `key_${i}`, "float32", [1, "before", width]);
    graph.output(inputs.value, `value_${i}`, "float32", [1, "before", width]);
    // Nothing of the last block is looked at but these.
    if (i === spec.num_layers - 1) break;
    const heeded = stretches
      ? attentionInStretches(graph, inputs, heads, stretches)
      : attention(graph, inputs, { heads, causal: true });
    x = afterAttention(scope, x, heeded, all);
  }
  return networkGraph(graph);
}

/** Words and reference pictures, each in its place. */
function amongWords(words: Value, { graph, root, spec, width }: Shared): Value {
  const { in_channels: channels } = spec;
  const reference = graph.input("reference", "float32", [1, "reference_tokens", channels]);
  const order = graph.input("order", "int32", [1, "before"]);
  const squares = linear(root.in("img_in"), reference, { inFeatures: channels, outFeatures: width, bias: false });
  const both = graph.node("Concat", [words, squares], { attributes: { axis: { int: 1 } } });
  return graph.node("Gather", [graph.node("Reshape", [both, graph.ints([-1, width])]), order]);
}

/**
 * Qwen-Image 2.1's transformer over a picture's tokens, which look at each other and at the text's and the reference pictures', whose keys and values {@link buildQwenImage21Text} makes.
 *
 * Inputs: `cos`, `sin` `[picture_tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000; `image` `[1, picture_tokens, in_channels]`; for each block i
 * `key_i` and `value_i` `[1, before, width]`. Output: `velocity` `[1, picture_tokens, in_channels]`, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImage21Transformer(
  config: unknown,
  weights: Weights,
  options: BuildOptions = {},
): NetworkGraph {
  const time = (graph: GraphBuilder) => graph.input("timestep", "float32", [1]);
  const all = shared(
    { name: "QwenImage21Transformer2DModel", tokens: "picture_tokens" },
    config,
    weights,
    options,
    time,
  );
  const { graph, root, spec, width } = all;
  const { in_channels: channels, num_attention_heads: heads } = spec;
  const image = graph.input("image", "float32", [1, "picture_tokens", channels]);
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
  graph.output(output, "velocity", "float32", [1, "picture_tokens", channels]);
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
