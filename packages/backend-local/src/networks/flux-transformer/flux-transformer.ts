import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { selfAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles, rotate } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { jointBlock } from "../blocks/joint-block.ts";
import { joined, split, tokensOf } from "../blocks/joint-streams.ts";
import { addGated, lastModulation, modulation, onePlus } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type FluxConfig, fluxConfig } from "./flux-config.ts";

/** Sizes that are the class's own. */
const [waves, epsilon] = [256, 1e-6];

const names = {
  text: { modulation: "norm1_context.linear", feed: "ff_context" },
  image: { modulation: "norm1.linear", feed: "ff" },
};

/**
 * FLUX.1's transformer (Black Forest Labs 2024), diffusers' FluxTransformer2DModel: blocks of two streams, text and picture, that attend to each
 * other, then blocks of one stream whose attention and feed-forward run side by side; each with a modulation of its own.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`, a reference picture after the picture; `text` `[1, text_tokens, joint_attention_dim]`;
 * `pooled` `[1, pooled_projection_dim]`; `image_cos`, `image_sin`, `text_cos`, `text_sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to
 * 1000; and `guidance`, the scale times 1000, where the network takes one. Output: `velocity` `[1, image_tokens, out_channels]`, of the flow
 * from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFluxTransformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = fluxConfig(config);
  const graph = new GraphBuilder("FluxTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, joint_attention_dim: textSize } = spec;
  const { attention_head_dim: headSize, num_attention_heads: heads } = spec;
  const width = headSize * heads;

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const textAngles = angleInputs(graph, "text_", headSize);
  const angles = joinAngles(graph, textAngles, imageAngles);
  const time = activate(graph, "silu", timeVector(root.in("time_text_embed"), spec, width));

  let streams = {
    image: linear(root.in("x_embedder"), image, { inFeatures: channels, outFeatures: width }),
    text: linear(root.in("context_embedder"), text, { inFeatures: textSize, outFeatures: width }),
  };
  for (let i = 0; i < spec.num_layers; i++)
    streams = jointBlock(root.in("transformer_blocks", i), streams, { heads, headSize, time, names, angles });
  let x = joined(graph, streams);
  for (let i = 0; i < spec.num_single_layers; i++)
    x = singleBlock(root.in("single_transformer_blocks", i), x, { heads, headSize, time, angles });

  const sizes = { inFeatures: width, features: width };
  const { scale, shift } = lastModulation(root.in("norm_out"), time, sizes);
  const picture = split(graph, x, tokensOf(graph, text)).image;
  const even = modulatedLayerNorm(graph, picture, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const outFeatures = spec.out_channels ?? channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/** What all modulations are made of: the time, the text as a whole, and the scale of guidance where the network takes it. */
function timeVector(scope: Scope, spec: FluxConfig, width: number): Value {
  const { graph } = scope;
  const pooled = graph.input("pooled", "float32", [1, spec.pooled_projection_dim]);
  const number = (input: string, name: string) =>
    embeddedWaves(scope.in(name), graph.input(input, "float32", [1]), waves, width);
  const time = number("timestep", "timestep_embedder");
  const all = spec.guidance_embeds ? graph.node("Add", [time, number("guidance", "guidance_embedder")]) : time;
  return graph.node("Add", [all, embedded(scope.in("text_embedder"), pooled, spec.pooled_projection_dim, width)]);
}

interface SingleBlockOptions {
  heads: number;
  headSize: number;
  time: Value;
  angles: Angles;
}

function singleBlock(scope: Scope, x: Value, { heads, headSize, time, angles }: SingleBlockOptions): Value {
  const { graph } = scope;
  const width = heads * headSize;
  const inner = 4 * width;
  const sizes = { inFeatures: width, features: width };
  const { shift, scale, gate } = modulation(scope.in("norm.linear"), time, ["shift", "scale", "gate"], sizes);
  const normed = modulatedLayerNorm(graph, x, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const heed = scope.in("attn");
  const project = (name: string) => linear(heed.in(`to_${name}`), normed, { inFeatures: width, outFeatures: width });
  const turned = (name: "q" | "k") => {
    const even = headNorm(heed.in(`norm_${name}`), project(name), { heads, headSize, epsilon });
    return rotate(graph, even, angles, { heads, pairs: "interleaved" });
  };
  const attended = selfAttention(graph, { query: turned("q"), key: turned("k"), value: project("v") }, heads);
  const wide = linear(scope.in("proj_mlp"), normed, { inFeatures: width, outFeatures: inner });
  const all = graph.node("Concat", [attended, activate(graph, "gelu_new", wide)], {
    attributes: { axis: { int: -1 } },
  });
  const output = linear(scope.in("proj_out"), all, { inFeatures: width + inner, outFeatures: width });
  return addGated(graph, x, gate, output);
}
