import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { selfAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles, rotate } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { stackedFeedForward } from "../blocks/gated-feed-forward.ts";
import { joined, type Streams, split, tokensOf } from "../blocks/joint-streams.ts";
import { addGated, lastModulation, modulation, onePlus } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type Flux2Config, flux2Config } from "./flux2-transformer-config.ts";

/**
 * FLUX.2's transformer (Black Forest Labs 2025), diffusers' Flux2Transformer2DModel: blocks of two streams, text and picture, that attend to
 * each other, then blocks of one stream whose attention and feed-forward run side by side. All blocks of a kind share their modulation.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`, reference pictures after the picture; `text` `[1, text_tokens, joint_attention_dim]`;
 * `image_cos`, `image_sin`, `text_cos`, `text_sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000; and `guidance`, likewise, where
 * the network takes one. Output: `velocity` `[1, image_tokens, out_channels]`, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFlux2Transformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = flux2Config(config);
  const graph = new GraphBuilder("Flux2Transformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, joint_attention_dim: textSize, attention_head_dim: headSize, eps: epsilon } = spec;
  const width = headSize * spec.num_attention_heads;

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const textAngles = angleInputs(graph, "text_", headSize);
  const angles = joinAngles(graph, textAngles, imageAngles);
  const time = activate(graph, "silu", timeVector(root.in("time_guidance_embed"), spec, width));
  const vectors = <const Names extends readonly string[]>(name: string, names: Names) =>
    modulation(root.in(name, "linear"), time, names, { inFeatures: width, features: width, bias: false });

  let streams = {
    image: linear(root.in("x_embedder"), image, { inFeatures: channels, outFeatures: width, bias: false }),
    text: linear(root.in("context_embedder"), text, { inFeatures: textSize, outFeatures: width, bias: false }),
  };
  const double = {
    image: vectors("double_stream_modulation_img", twice),
    text: vectors("double_stream_modulation_txt", twice),
  };
  for (let i = 0; i < spec.num_layers; i++)
    streams = doubleBlock(root.in("transformer_blocks", i), streams, { spec, angles, vectors: double });

  let x = joined(graph, streams);
  const single = vectors("single_stream_modulation", once);
  for (let i = 0; i < spec.num_single_layers; i++)
    x = singleBlock(root.in("single_transformer_blocks", i), x, { spec, angles, vectors: single });

  const { scale, shift } = lastModulation(root.in("norm_out"), time, {
    inFeatures: width,
    features: width,
    bias: false,
  });
  const picture = split(graph, x, tokensOf(graph, text)).image;
  const even = modulatedLayerNorm(graph, picture, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const outFeatures = spec.out_channels ?? channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures, bias: false });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/** Of attention and feed-forward side by side; of one after the other. */
const once = ["shift", "scale", "gate"] as const;
const twice = ["attentionShift", "attentionScale", "attentionGate", "shift", "scale", "gate"] as const;

function timeVector(scope: Scope, spec: Flux2Config, width: number): Value {
  const { graph } = scope;
  const embed = (input: string, name: string) =>
    embeddedWaves(scope.in(name), graph.input(input, "float32", [1]), spec.timestep_guidance_channels, width, {
      bias: false,
    });
  const time = embed("timestep", "timestep_embedder");
  return spec.guidance_embeds ? graph.node("Add", [time, embed("guidance", "guidance_embedder")]) : time;
}

function doubleBlock(
  scope: Scope,
  streams: Streams,
  {
    spec,
    angles,
    vectors,
  }: { spec: Flux2Config; angles: Angles; vectors: Record<keyof Streams, Record<(typeof twice)[number], Value>> },
): Streams {
  const { graph } = scope;
  const { num_attention_heads: heads, attention_head_dim: headSize, eps: epsilon, mlp_ratio } = spec;
  const width = heads * headSize;
  const square = { inFeatures: width, outFeatures: width, bias: false };
  const heed = scope.in("attn");
  const project = (of: keyof Streams, name: "q" | "k" | "v", x: Value) => {
    const projected = linear(heed.in(of === "image" ? `to_${name}` : `add_${name}_proj`), x, square);
    if (name === "v") return projected;
    return headNorm(heed.in(of === "image" ? `norm_${name}` : `norm_added_${name}`), projected, {
      heads,
      headSize,
      epsilon,
    });
  };
  const normed = (x: Value, scale: Value, shift: Value) =>
    modulatedLayerNorm(graph, x, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const before = (of: keyof Streams) => normed(streams[of], vectors[of].attentionScale, vectors[of].attentionShift);
  const inputs = { text: before("text"), image: before("image") };
  const both = (name: "q" | "k" | "v") =>
    joined(graph, { text: project("text", name, inputs.text), image: project("image", name, inputs.image) });
  const turned = (name: "q" | "k") => rotate(graph, both(name), angles, { heads, pairs: "interleaved" });
  const attended = selfAttention(graph, { query: turned("q"), key: turned("k"), value: both("v") }, heads);
  const apart = split(graph, attended, tokensOf(graph, streams.text));
  const after = (of: keyof Streams, out: string, feed: string) => {
    const { attentionGate, shift, scale, gate } = vectors[of];
    const middle = addGated(graph, streams[of], attentionGate, linear(heed.in(out), apart[of], square));
    const inner = Math.trunc(width * mlp_ratio);
    const fed = stackedFeedForward(scope.in(feed), normed(middle, scale, shift), width, inner);
    return addGated(graph, middle, gate, fed);
  };
  return { text: after("text", "to_add_out", "ff_context"), image: after("image", "to_out.0", "ff") };
}

function singleBlock(
  scope: Scope,
  x: Value,
  { spec, angles, vectors }: { spec: Flux2Config; angles: Angles; vectors: Record<(typeof once)[number], Value> },
): Value {
  const { graph } = scope;
  const { num_attention_heads: heads, attention_head_dim: headSize, eps: epsilon } = spec;
  const width = heads * headSize;
  const inner = Math.trunc(width * spec.mlp_ratio);
  const heed = scope.in("attn");
  const scale = onePlus(graph, vectors.scale);
  const normed = modulatedLayerNorm(graph, x, { features: width, epsilon, scale, shift: vectors.shift });
  // One layer makes all of a block's inputs: queries, keys, values, the feed-forward's gate and its value.
  const outFeatures = 3 * width + 2 * inner;
  const part = (from: number, size: number) =>
    linear(heed.in("to_qkv_mlp_proj"), normed, {
      inFeatures: width,
      outFeatures,
      bias: false,
      rows: [from, from + size],
    });
  const turned = (name: "q" | "k", from: number) => {
    const even = headNorm(heed.in(`norm_${name}`), part(from, width), { heads, headSize, epsilon });
    return rotate(graph, even, angles, { heads, pairs: "interleaved" });
  };
  const inputs = { query: turned("q", 0), key: turned("k", width), value: part(2 * width, width) };
  const gated = graph.node("Mul", [activate(graph, "silu", part(3 * width, inner)), part(3 * width + inner, inner)]);
  const attributes = { axis: { int: -1 } };
  const all = graph.node("Concat", [selfAttention(graph, inputs, heads), gated], { attributes });
  const output = linear(heed.in("to_out"), all, { inFeatures: width + inner, outFeatures: width, bias: false });
  return addGated(graph, x, vectors.gate, output);
}
