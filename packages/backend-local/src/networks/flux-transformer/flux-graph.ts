import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { selfAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles, rotate } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { type JointBlockOptions, jointBlock } from "../blocks/joint-block.ts";
import { joined, type Streams, split, tokensOf } from "../blocks/joint-streams.ts";
import { addGated, onePlus } from "../blocks/modulation.ts";
import { type ResidualPlaces, residualInputs } from "../blocks/residuals.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import type { FluxSizes } from "./flux-config.ts";
import { fluxLists } from "./flux-lists.ts";

/** What every norm of these networks adds to a variance. */
const epsilon = 1e-6;

const names = {
  text: { modulation: "norm1_context.linear", feed: "ff_context" },
  image: { modulation: "norm1.linear", feed: "ff" },
};

/** How the blocks are modulated, each by its scope and number. */
export interface FluxModulations {
  double(scope: Scope, i: number): JointBlockOptions["time"];
  single(scope: Scope, i: number): Record<"shift" | "scale" | "gate", Value>;
  last(scope: Scope): Record<"shift" | "scale", Value>;
}

/** What a graph of this shape may be built otherwise in. */
export interface FluxGraphOptions extends BuildOptions {
  /** Of ControlNets: beside its blocks of two streams, and of one. */
  residuals?: readonly ResidualPlaces[];
}

/**
 * The graph of a network of FLUX.1's shape: blocks of two streams, text and picture, that attend to each other, then blocks of one stream whose
 * attention and feed-forward run side by side.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`; `text` `[1, text_tokens, joint_attention_dim]`; `image_cos`, `image_sin`, `text_cos`,
 * `text_sin` `[tokens, head / 2]`; and those that `modulated` adds, which knows the network's width. Output: `velocity`
 * `[1, image_tokens, out_channels]`.
 */
export function fluxGraph(
  name: string,
  spec: FluxSizes,
  weights: Weights,
  options: FluxGraphOptions,
  modulated: (root: Scope, width: number) => FluxModulations,
): NetworkGraph {
  const graph = new GraphBuilder(name);
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels } = spec;
  const width = spec.attention_head_dim * spec.num_attention_heads;

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const { text, angles } = textInputs(graph, spec);
  const modulations = modulated(root, width);
  const tokens = linear(root.in("x_embedder"), image, { inFeatures: channels, outFeatures: width });
  const [toDouble, toSingle] = fluxLists.map((list, i) => residualInputs(graph, list, options.residuals?.[i])) as [
    ReturnType<typeof residualInputs>,
    ReturnType<typeof residualInputs>,
  ];
  const textTokens = tokensOf(graph, text);
  const x = fluxBlocks(root, spec, {
    streams: { image: tokens, text: embeddedText(root, text, spec) },
    angles,
    modulations,
    afterDouble: toDouble,
    afterSingle(value, i) {
      if ((options.residuals?.[1]?.[i] ?? -1) < 0) return value;
      const streams = split(graph, value, textTokens);
      return joined(graph, { ...streams, image: toSingle(streams.image, i) });
    },
  });
  const { scale, shift } = modulations.last(root.in("norm_out"));
  const picture = split(graph, x, textTokens).image;
  const even = modulatedLayerNorm(graph, picture, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const outFeatures = spec.out_channels ?? channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/** A text, `[1, text_tokens, joint_attention_dim]`, and the angles of it and of the picture after it. */
export function textInputs(
  graph: GraphBuilder,
  { attention_head_dim: headSize, joint_attention_dim: size }: FluxSizes,
) {
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", size]);
  const textAngles = angleInputs(graph, "text_", headSize);
  return { text, imageAngles, textAngles, angles: joinAngles(graph, textAngles, imageAngles) };
}

/** A text's tokens as the blocks take them. */
export function embeddedText(root: Scope, text: Value, spec: FluxSizes): Value {
  const outFeatures = spec.attention_head_dim * spec.num_attention_heads;
  return linear(root.in("context_embedder"), text, { inFeatures: spec.joint_attention_dim, outFeatures });
}

/** What the blocks are run over. */
export interface FluxBlocks {
  streams: Streams;
  angles: Angles;
  modulations: Pick<FluxModulations, "double" | "single">;
  /** Given the picture's tokens after a block of two streams: those to go on with. */
  afterDouble(image: Value, block: number): Value;
  /** Given all tokens after a block of one stream, the text's first. */
  afterSingle(x: Value, block: number): Value;
}

/** All blocks; the tokens of text and picture as one sequence, the text's first. */
export function fluxBlocks(
  root: Scope,
  spec: FluxSizes,
  { streams: before, angles, modulations, afterDouble, afterSingle }: FluxBlocks,
): Value {
  const { attention_head_dim: headSize, num_attention_heads: heads } = spec;
  let streams = before;
  for (let i = 0; i < spec.num_layers; i++) {
    const scope = root.in("transformer_blocks", i);
    streams = jointBlock(scope, streams, { heads, headSize, time: modulations.double(scope, i), names, angles });
    streams = { ...streams, image: afterDouble(streams.image, i) };
  }
  let x = joined(root.graph, streams);
  for (let i = 0; i < spec.num_single_layers; i++) {
    const scope = root.in("single_transformer_blocks", i);
    x = afterSingle(singleBlock(scope, x, { heads, headSize, vectors: modulations.single(scope, i), angles }), i);
  }
  return x;
}

interface SingleBlockOptions {
  heads: number;
  headSize: number;
  vectors: ReturnType<FluxModulations["single"]>;
  angles: Angles;
}

function singleBlock(scope: Scope, x: Value, { heads, headSize, vectors, angles }: SingleBlockOptions): Value {
  const { graph } = scope;
  const width = heads * headSize;
  const inner = 4 * width;
  const { shift, scale, gate } = vectors;
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
