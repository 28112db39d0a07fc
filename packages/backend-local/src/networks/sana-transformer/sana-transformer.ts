import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { attention } from "../../graph/attention.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { linearAttention } from "../../graph/linear-attention.ts";
import { modulatedLayerNorm, rmsNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { fromTokens, toTokens } from "../../graph/tokens.ts";
import { convFeedForward } from "../blocks/conv-feed-forward.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { type JointVectors, jointVectors } from "../blocks/joint-block.ts";
import { addGated, modulation, onePlus, withTable } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type SanaConfig, sanaConfig } from "./sana-config.ts";

/** Sizes that are the class's own. */
const [waves, headEpsilon] = [256, 1e-5];

/**
 * Sana's transformer (https://arxiv.org/abs/2410.10629), diffusers' SanaTransformer2DModel: squares of the latent attend to each other linearly, look at the text,
 * and are fed forward by convolutions; all blocks are modulated by one vector and a table of their own.
 *
 * Inputs: `sample` `[1, in_channels, height, width]`; `places` `[image_tokens, width]`, added to the picture's tokens, where the config has an
 * `interpolation_scale`; `text` `[1, text_tokens, caption_channels]`, all of it attended to; `timestep` float32 `[1]`. Output: `velocity`
 * `[1, out_channels, image_tokens]` of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildSanaTransformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = sanaConfig(config);
  const graph = new GraphBuilder("SanaTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, out_channels: outChannels, caption_channels: textSize, width } = spec;
  const sizes = { inFeatures: width, features: width };

  const sample = graph.input("sample", "float32", [1, channels, "height", "width"]);
  const caption = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const timestep = graph.input("timestep", "float32", [1]);
  const time = embeddedWaves(root.in("time_embed.emb.timestep_embedder"), timestep, waves, width);
  const shared = modulation(root.in("time_embed.linear"), activate(graph, "silu", time), jointVectors, sizes);
  const activation = "gelu_pytorch_tanh";
  const words = embedded(root.in("caption_projection"), caption, textSize, width, { activation });
  const text = rmsNorm(root.in("caption_norm"), words, width, headEpsilon);

  const picture = conv(root.in("patch_embed.proj"), sample, { inChannels: channels, outChannels: width, kernel: 1 });
  let x = toTokens(graph, picture);
  if (spec.interpolation_scale != null)
    x = graph.node("Add", [x, graph.input("places", "float32", ["image_tokens", width])]);
  for (let i = 0; i < spec.num_layers; i++)
    x = block(root.in("transformer_blocks", i), x, { spec, text, shared, picture });
  const vector = graph.node("Reshape", [time, graph.ints([width])]);
  const [shift, scale] = [0, 1].map((row) => withTable(root, vector, row, 2, width)) as [Value, Value];
  const even = modulatedLayerNorm(graph, x, { features: width, epsilon: 1e-6, scale: onePlus(graph, scale), shift });
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures: outChannels });
  const byChannel = graph.node("Transpose", [output], { attributes: { perm: { ints: [0, 2, 1] } } });
  graph.output(byChannel, "velocity", "float32", [1, outChannels, "image_tokens"]);
  return networkGraph(graph);
}

interface BlockInputs {
  spec: SanaConfig;
  text: Value;
  shared: JointVectors;
  /** Has the picture's shape. */
  picture: Value;
}

function block(scope: Scope, x: Value, { spec, text, shared, picture }: BlockInputs): Value {
  const { graph } = scope;
  const { width, norm_eps: epsilon } = spec;
  const own = jointVectors.map((name, i) => [name, withTable(scope, shared[name], i, jointVectors.length, width)]);
  const vectors = Object.fromEntries(own) as JointVectors;
  const normed = (value: Value, scale: Value, shift: Value) =>
    modulatedLayerNorm(graph, value, { features: width, epsilon, scale: onePlus(graph, scale), shift });

  const before = normed(x, vectors.attentionScale, vectors.attentionShift);
  const alone = addGated(graph, x, vectors.attentionGate, heedItself(scope.in("attn1"), before, spec));
  const told = graph.node("Add", [alone, heedText(scope.in("attn2"), alone, text, spec)]);
  const squares = fromTokens(graph, normed(told, vectors.scale, vectors.shift), picture);
  const inner = Math.trunc(spec.mlp_ratio * width);
  const fed = convFeedForward(scope.in("ff"), squares, { channels: width, inner });
  return addGated(graph, told, vectors.gate, toTokens(graph, fed));
}

function heedItself(scope: Scope, x: Value, spec: SanaConfig): Value {
  const { width, attention_bias: bias, num_attention_heads: heads, attention_head_dim: headSize } = spec;
  const project = (name: string) => linear(scope.in(name), x, { inFeatures: width, outFeatures: width, bias });
  const inputs = {
    query: normedHeads(scope, "q", project("to_q"), spec, width),
    key: normedHeads(scope, "k", project("to_k"), spec, width),
    value: project("to_v"),
  };
  const attended = linearAttention(scope.graph, inputs, { heads, headSize });
  return linear(scope.in("to_out.0"), attended, { inFeatures: width, outFeatures: width });
}

function heedText(scope: Scope, x: Value, text: Value, spec: SanaConfig): Value {
  const { width, num_cross_attention_heads: heads, cross_attention_head_dim: headSize } = spec;
  const inner = heads * headSize;
  const project = (name: string, of: Value) => linear(scope.in(name), of, { inFeatures: width, outFeatures: inner });
  const inputs = {
    query: normedHeads(scope, "q", project("to_q", x), spec, inner),
    key: normedHeads(scope, "k", project("to_k", text), spec, inner),
    value: project("to_v", text),
  };
  const attended = attention(scope.graph, inputs, { heads });
  return linear(scope.in("to_out.0"), attended, { inFeatures: inner, outFeatures: width });
}

/** Queries or keys, of all heads together normalised in Sana 1.5. */
function normedHeads(scope: Scope, of: "q" | "k", x: Value, { qk_norm }: SanaConfig, width: number): Value {
  return qk_norm == null ? x : rmsNorm(scope.in(`norm_${of}`), x, width, headEpsilon);
}
