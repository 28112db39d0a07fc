import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { centredRmsNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { joined, split, tokensOf } from "../blocks/joint-streams.ts";
import { addGated, modulation, onePlus, withTable } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { gatedAttention } from "./gated-attention.ts";
import { type Krea2Config, krea2Config } from "./krea2-config.ts";
import { feedNames, textFusion } from "./text-fusion.ts";

/**
 * Krea 2's transformer (Krea AI 2026), diffusers' Krea2Transformer2DModel: text and picture in one stream, all blocks modulated by one vector and a
 * table of their own. A text's token comes with the states of several layers of its encoder.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`; `text` `[1, text_tokens, num_text_layers·text_hidden_dim]`; `image_cos`, `image_sin`, `text_cos`,
 * `text_sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000. Output: `velocity` `[1, image_tokens, in_channels]`, of the flow from
 * picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildKrea2Transformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = krea2Config(config);
  const graph = new GraphBuilder("Krea2Transformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, attention_head_dim: headSize, text_hidden_dim: textSize, norm_eps: epsilon } = spec;
  const width = headSize * spec.num_attention_heads;

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", spec.num_text_layers * textSize]);
  const angles = joinAngles(graph, angleInputs(graph, "text_", headSize), imageAngles);
  const timestep = graph.input("timestep", "float32", [1]);
  const activation = "gelu_pytorch_tanh";
  const time = embeddedWaves(root.in("time_embed"), timestep, spec.timestep_embed_dim, width, { activation });
  const sizes = { inFeatures: width, features: width };
  const vectors = modulation(root.in("time_mod_proj"), activate(graph, activation, time), parts, sizes);

  const fused = textFusion(root.in("text_fusion"), text, spec);
  const normed = centredRmsNorm(root.in("txt_in.norm"), fused, textSize, epsilon);
  let x = joined(graph, {
    text: embedded(root.in("txt_in"), normed, textSize, width, { activation }),
    image: linear(root.in("img_in"), image, { inFeatures: channels, outFeatures: width }),
  });
  for (let i = 0; i < spec.num_layers; i++)
    x = block(root.in("transformer_blocks", i), x, { spec, angles, shared: vectors });

  const last = root.in("final_layer");
  const vector = graph.node("Reshape", [time, graph.ints([width])]);
  const [scale, shift] = [0, 1].map((row) => withTable(last, vector, row, 2, width)) as [Value, Value];
  const picture = split(graph, x, tokensOf(graph, text)).image;
  const even = graph.node("Add", [
    centredRmsNorm(last.in("norm"), picture, width, epsilon, onePlus(graph, scale)),
    shift,
  ]);
  const output = linear(last.in("linear"), even, { inFeatures: width, outFeatures: channels });
  graph.output(output, "velocity", "float32", [1, "image_tokens", channels]);
  return networkGraph(graph);
}

const parts = ["attentionScale", "attentionShift", "attentionGate", "scale", "shift", "gate"] as const;
type Vectors = Record<(typeof parts)[number], Value>;

function block(
  scope: Scope,
  x: Value,
  { spec, angles, shared }: { spec: Krea2Config; angles: Angles; shared: Vectors },
): Value {
  const { graph } = scope;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, norm_eps: epsilon } = spec;
  const width = heads * spec.attention_head_dim;
  const own = parts.map((name, i) => [name, withTable(scope, shared[name], i, parts.length, width)]);
  const vectors = Object.fromEntries(own) as Vectors;
  const normed = (name: string, value: Value, scale: Value, shift: Value) =>
    graph.node("Add", [centredRmsNorm(scope.in(name), value, width, epsilon, onePlus(graph, scale)), shift]);

  const before = normed("norm1", x, vectors.attentionScale, vectors.attentionShift);
  const heeded = gatedAttention(scope.in("attn"), before, { width, heads, kvHeads, epsilon, angles });
  const middle = addGated(graph, x, vectors.attentionGate, heeded);
  const after = normed("norm2", middle, vectors.scale, vectors.shift);
  const sizes = { features: width, inner: spec.intermediate_size, names: feedNames };
  return addGated(graph, middle, vectors.gate, gatedFeedForward(scope.in("ff"), after, sizes));
}
