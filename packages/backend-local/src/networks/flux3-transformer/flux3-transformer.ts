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
import { apart, inOneSequence } from "../blocks/joint-streams.ts";
import { addGated, lastModulation, modulation, onePlus } from "../blocks/modulation.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type Flux3Config, flux3Config } from "./flux3-config.ts";

/** Options of the graph. */
export interface Flux3Options extends BuildOptions {
  /** Whether it is shown reference pictures. */
  references?: boolean;
}

/**
 * FLUX.3's transformer (Black Forest Labs 2026), diffusers' Flux3Transformer2DModel: text, picture and reference pictures first attend each to
 * themselves, in blocks of their own, then all to each other. Attention and feed-forward run side by side. The picture is modulated by the time,
 * all else by time 0; a distilled network adds the time that a step goes to.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`; `text` `[1, text_tokens, joint_attention_dim]`; with `references` also `reference`
 * `[1, reference_tokens, cond_in_channels]`; of each `…_cos` and `…_sin` `[tokens, head / 2]`; `timestep`, and where it is distilled `target`,
 * float32 `[1]`, 0 to 1000. Output: `velocity` `[1, image_tokens, in_channels]`, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFlux3Transformer(
  config: unknown,
  weights: Weights,
  { adapter, references = false }: Flux3Options = {},
): NetworkGraph {
  const spec = flux3Config(config);
  const graph = new GraphBuilder("Flux3Transformer2DModel");
  const root = new Scope(graph, weights, adapter);
  const { in_channels: channels, attention_head_dim: headSize } = spec;
  const width = headSize * spec.num_attention_heads;
  const bias = false;

  const { now, atZero } = times(root, spec, width);
  const stream = (input: string, inFeatures: number, embedder: Scope, time: Value, mode: string): Stream => {
    const tokens = graph.input(input, "float32", [1, `${input}_tokens`, inFeatures]);
    const vectors = (list: string) =>
      modulation(root.in(list, mode, "linear"), time, parts, { inFeatures: width, features: width, bias });
    return {
      tokens: linear(embedder, tokens, { inFeatures, outFeatures: width, bias }),
      angles: angleInputs(graph, `${input}_`, headSize),
      early: vectors("early_stream_modulations"),
      single: vectors("single_stream_modulations"),
      blocks: mode === "txt" ? root.in("txt_mode_blocks") : root.in("mode_blocks", mode),
    };
  };
  const text = stream("text", spec.joint_attention_dim, root.in("context_embedder"), atZero, "txt");
  const image = stream("image", channels, root.in("x_embedders.image"), now, "image");
  const of = (mode: string) => root.in("x_embedders", mode);
  const more = references ? [stream("reference", spec.cond_in_channels, of("image_cond"), atZero, "image_cond")] : [];
  const streams = [text, image, ...more];
  let tokens = streams.map(({ tokens: own, angles, early, blocks }) => {
    for (let i = 0; i < spec.num_layers; i++) [own] = block(blocks.in(i), [own], [early], { spec, angles }) as [Value];
    return own;
  });
  const angles = streams.map((each) => each.angles).reduce((all, own) => joinAngles(graph, all, own));
  const vectors = streams.map(({ single }) => single);
  for (let i = 0; i < spec.num_single_layers; i++)
    tokens = block(root.in("single_transformer_blocks", i), tokens, vectors, { spec, angles });

  const { scale, shift } = lastModulation(root.in("norm_out"), now, { inFeatures: width, features: width, bias });
  const norm = { features: width, epsilon: spec.eps, scale: onePlus(graph, scale), shift };
  const even = modulatedLayerNorm(graph, tokens[1]!, norm);
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures: channels, bias });
  graph.output(output, "velocity", "float32", [1, "image_tokens", channels]);
  return networkGraph(graph);
}

const parts = ["shift", "scale", "gate"] as const;
type Vectors = Record<(typeof parts)[number], Value>;

/** What the network is shown of one kind, and how its blocks are modulated. */
interface Stream {
  tokens: Value;
  angles: Angles;
  early: Vectors;
  single: Vectors;
  /** Those that attend to this kind alone. */
  blocks: Scope;
}

/** SiLU of what modulations are made of: at the picture's time, and at time 0. */
function times(root: Scope, spec: Flux3Config, width: number): Record<"now" | "atZero", Value> {
  const { graph } = root;
  const embed = (name: string, value: Value) =>
    embeddedWaves(root.in(name), value, spec.timestep_channels, width, { bias: false });
  const own = (value: Value) => embed("timestep_embedder", value);
  const [now, atZero] = [own(graph.input("timestep", "float32", [1])), own(graph.floats([0], [1]))];
  if (!spec.flow_map) return { now: activate(graph, "silu", now), atZero: activate(graph, "silu", atZero) };
  const target = embed("target_timestep_embedder", graph.input("target", "float32", [1]));
  const withTarget = (time: Value) => activate(graph, "silu", graph.node("Add", [time, target]));
  return { now: withTarget(now), atZero: withTarget(atZero) };
}

/** Streams, each with vectors of its own, that attend to each other as one sequence: attention and feed-forward of the same input. */
function block(
  scope: Scope,
  streams: readonly Value[],
  vectors: readonly Vectors[],
  { spec, angles }: { spec: Flux3Config; angles: Angles },
): Value[] {
  const { graph } = scope;
  const { num_attention_heads: heads, attention_head_dim: headSize, eps: epsilon } = spec;
  const width = heads * headSize;
  const square = { inFeatures: width, outFeatures: width, bias: false };
  const normed = streams.map((stream, i) => {
    const { scale, shift } = vectors[i]!;
    return modulatedLayerNorm(graph, stream, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  });
  const x = inOneSequence(graph, normed);
  const heed = scope.in("attn");
  const turned = (name: "q" | "k") => {
    const projected = linear(heed.in(`to_${name}`), x, square);
    const even = headNorm(heed.in(`norm_${name}`), projected, { heads, headSize, epsilon });
    return rotate(graph, even, angles, { heads, pairs: "interleaved" });
  };
  const inputs = { query: turned("q"), key: turned("k"), value: linear(heed.in("to_v"), x, square) };
  const heeded = linear(heed.in("to_out.0"), selfAttention(graph, inputs, heads), square);
  const fed = stackedFeedForward(scope.in("ff"), x, width, Math.trunc(width * spec.mlp_ratio));
  const branches = apart(graph, graph.node("Add", [heeded, fed]), streams);
  return streams.map((stream, i) => addGated(graph, stream, vectors[i]!.gate, branches[i]!));
}
