import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { attention, selfAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { geluFeedForward } from "../blocks/gelu-feed-forward.ts";
import { type JointVectors, jointVectors } from "../blocks/joint-block.ts";
import { addGated, modulation, onePlus, withTable } from "../blocks/modulation.ts";
import { picturePatches } from "../blocks/picture-patches.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type PixArtConfig, pixartConfig } from "./pixart-config.ts";

/** A size that is the class's own. */
const waves = 256;

/**
 * PixArt-Σ's transformer (https://arxiv.org/abs/2403.04692), diffusers' PixArtTransformer2DModel: a picture's tokens attend to each other and to the
 * text; all blocks are modulated by one vector and a table of their own.
 *
 * Inputs: `sample` `[1, in_channels, height, width]`; `places` `[image_tokens, width]`, added to the picture's tokens; `text`
 * `[1, text_tokens, caption_channels]`, all of it attended to; `timestep` float32 `[1]`. Output: `noise` `[1, image_tokens, 4·out_channels]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildPixArtTransformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = pixartConfig(config);
  const graph = new GraphBuilder("PixArtTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, caption_channels: textSize } = spec;
  const width = spec.num_attention_heads * spec.attention_head_dim;
  const sizes = { inFeatures: width, features: width };

  const sample = graph.input("sample", "float32", [1, channels, "height", "width"]);
  const places = graph.input("places", "float32", ["image_tokens", width]);
  const caption = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const timestep = graph.input("timestep", "float32", [1]);
  const single = root.in("adaln_single");
  const time = embeddedWaves(single.in("emb.timestep_embedder"), timestep, waves, width);
  const shared = modulation(single.in("linear"), activate(graph, "silu", time), jointVectors, sizes);
  const activation = "gelu_pytorch_tanh";
  const text = embedded(root.in("caption_projection"), caption, textSize, width, { activation });

  let x = graph.node("Add", [picturePatches(root.in("pos_embed"), sample, channels, width), places]);
  for (let i = 0; i < spec.num_layers; i++) x = block(root.in("transformer_blocks", i), x, { spec, text, shared });
  const vector = graph.node("Reshape", [time, graph.ints([width])]);
  const [shift, scale] = [0, 1].map((row) => withTable(root, vector, row, 2, width)) as [Value, Value];
  const even = modulatedLayerNorm(graph, x, { features: width, epsilon: 1e-6, scale: onePlus(graph, scale), shift });
  const outFeatures = 4 * spec.out_channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures });
  graph.output(output, "noise", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

function block(
  scope: Scope,
  x: Value,
  { spec, text, shared }: { spec: PixArtConfig; text: Value; shared: JointVectors },
): Value {
  const { graph } = scope;
  const { num_attention_heads: heads, norm_eps: epsilon } = spec;
  const width = heads * spec.attention_head_dim;
  const square = { inFeatures: width, outFeatures: width };
  const own = jointVectors.map((name, i) => [name, withTable(scope, shared[name], i, jointVectors.length, width)]);
  const vectors = Object.fromEntries(own) as JointVectors;
  const normed = (value: Value, scale: Value, shift: Value) =>
    modulatedLayerNorm(graph, value, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const heed = (name: string, query: Value, seen: Value) => {
    const layer = scope.in(name);
    const project = (of: string, value: Value) => linear(layer.in(`to_${of}`), value, square);
    const inputs = { query: project("q", query), key: project("k", seen), value: project("v", seen) };
    const attended = query === seen ? selfAttention(graph, inputs, heads) : attention(graph, inputs, { heads });
    return linear(layer.in("to_out.0"), attended, square);
  };
  const before = normed(x, vectors.attentionScale, vectors.attentionShift);
  const alone = addGated(graph, x, vectors.attentionGate, heed("attn1", before, before));
  const told = graph.node("Add", [alone, heed("attn2", alone, text)]);
  const fed = geluFeedForward(scope.in("ff", "net"), normed(told, vectors.scale, vectors.shift), width);
  return addGated(graph, told, vectors.gate, fed);
}
