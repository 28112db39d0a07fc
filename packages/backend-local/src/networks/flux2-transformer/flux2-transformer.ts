import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import type { AttentionInputs } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { inOneSequence, type Streams, split, tokensOf } from "../blocks/joint-streams.ts";
import { lastModulation, onePlus } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { doubleBlock, doubleVectors, type Flux2Blocks, singleBlock, singleVectors } from "./flux2-blocks.ts";
import { type Flux2Config, flux2Config } from "./flux2-transformer-config.ts";

/** Options of the graph. */
export interface Flux2Options extends BuildOptions {
  /** Whether it is shown what reference pictures are to it in each block, as {@link buildFlux2References} makes it. */
  references?: boolean;
}

/**
 * FLUX.2's transformer (Black Forest Labs 2025), diffusers' Flux2Transformer2DModel: blocks of two streams, text and picture, that attend to
 * each other, then blocks of one stream whose attention and feed-forward run side by side. All blocks of a kind share their modulation.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`, reference pictures after the picture; `text` `[1, text_tokens, joint_attention_dim]`;
 * `image_cos`, `image_sin`, `text_cos`, `text_sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000; and `guidance`, likewise, where
 * the network takes one. With `references`, which then are not among the picture's tokens, for each block i also `key_i` and `value_i`
 * `[1, reference_tokens, width]`. Output: `velocity` `[1, image_tokens, out_channels]`, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFlux2Transformer(
  config: unknown,
  weights: Weights,
  { adapter, references = false }: Flux2Options = {},
): NetworkGraph {
  const spec = flux2Config(config);
  const graph = new GraphBuilder("Flux2Transformer2DModel");
  const root = new Scope(graph, weights, adapter);
  const { in_channels: channels, joint_attention_dim: textSize, attention_head_dim: headSize, eps: epsilon } = spec;
  const width = widthOf(spec);

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const textAngles = angleInputs(graph, "text_", headSize);
  const angles = joinAngles(graph, textAngles, imageAngles);
  const embed = (input: string, name: string) => embedded(root, name, graph.input(input, "float32", [1]), spec);
  const now = embed("timestep", "timestep_embedder");
  const guided = spec.guidance_embeds ? graph.node("Add", [now, embed("guidance", "guidance_embedder")]) : now;
  const time = activate(graph, "silu", guided);
  const streams = {
    text: linear(root.in("context_embedder"), text, { inFeatures: textSize, outFeatures: width, bias: false }),
    image: pictureTokens(root, image, spec),
  };
  let blocks = 0;
  const attendedTo = (own: AttentionInputs): AttentionInputs => {
    if (!references) return own;
    const i = blocks++;
    const withReferences = (of: "key" | "value") =>
      inOneSequence(graph, [own[of], graph.input(`${of}_${i}`, "float32", [1, "reference_tokens", width])]);
    return { query: own.query, key: withReferences("key"), value: withReferences("value") };
  };
  const x = throughBlocks(root, streams, time, { spec, width, angles, attendedTo });

  const sizes = { inFeatures: width, features: width, bias: false };
  const { scale, shift } = lastModulation(root.in("norm_out"), time, sizes);
  const picture = split(graph, x, tokensOf(graph, text)).image;
  const even = modulatedLayerNorm(graph, picture, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const outFeatures = spec.out_channels ?? channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures, bias: false });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/**
 * What reference pictures are to FLUX.2's transformer in each block where they attend to each other alone, as at time 0: then it is the same in every
 * step. So FLUX.2 klein KV was trained, and is run by diffusers' Flux2KleinKVPipeline.
 *
 * Inputs: `reference` `[1, reference_tokens, in_channels]`; `reference_cos`, `reference_sin` `[tokens, head / 2]`. Outputs: for each block i `key_i` and
 * `value_i`, `[1, reference_tokens, width]`.
 *
 * @throws {@link ModelError} as {@link buildFlux2Transformer}.
 */
export function buildFlux2References(config: unknown, weights: Weights, { adapter }: BuildOptions = {}): NetworkGraph {
  const spec = flux2Config(config);
  const graph = new GraphBuilder("Flux2Transformer2DModel references");
  const root = new Scope(graph, weights, adapter);
  const width = widthOf(spec);
  const reference = graph.input("reference", "float32", [1, "reference_tokens", spec.in_channels]);
  const angles: Angles = angleInputs(graph, "reference_", spec.attention_head_dim);
  const time = activate(graph, "silu", embedded(root, "timestep_embedder", graph.floats([0], [1]), spec));
  let blocks = 0;
  const attendedTo = (own: AttentionInputs): AttentionInputs => {
    const i = blocks++;
    for (const each of ["key", "value"] as const)
      graph.output(own[each], `${each}_${i}`, "float32", [1, "reference_tokens", width]);
    return own;
  };
  const streams = { image: pictureTokens(root, reference, spec) };
  throughBlocks(root, streams, time, { spec, width, angles, attendedTo }, false);
  return networkGraph(graph);
}

function widthOf({ attention_head_dim, num_attention_heads }: Flux2Config): number {
  return attention_head_dim * num_attention_heads;
}

function embedded(root: Scope, name: string, value: Value, spec: Flux2Config): Value {
  const scope = root.in("time_guidance_embed", name);
  return embeddedWaves(scope, value, spec.timestep_guidance_channels, widthOf(spec), { bias: false });
}

function pictureTokens(root: Scope, tokens: Value, spec: Flux2Config): Value {
  const sizes = { inFeatures: spec.in_channels, outFeatures: widthOf(spec), bias: false };
  return linear(root.in("x_embedder"), tokens, sizes);
}

/** One sequence of what all blocks make of the streams, in their order; `isLooked` tells whether anything looks at it. */
function throughBlocks<S extends keyof Streams>(
  root: Scope,
  streams: Readonly<Record<S, Value>>,
  time: Value,
  shared: Flux2Blocks,
  isLooked = true,
): Value {
  const { spec, width } = shared;
  const names = Object.keys(streams) as S[];
  const double = doubleVectors(root, time, names, width);
  let apart = streams;
  for (let i = 0; i < spec.num_layers; i++)
    apart = doubleBlock(root.in("transformer_blocks", i), apart, double, shared);
  let x = inOneSequence(
    root.graph,
    names.map((name) => apart[name]),
  );
  const single = singleVectors(root, time, width);
  for (let i = 0; i < spec.num_single_layers; i++) {
    const isLast = i === spec.num_single_layers - 1;
    x = singleBlock(root.in("single_transformer_blocks", i), x, single, shared, isLooked || !isLast);
  }
  return x;
}
