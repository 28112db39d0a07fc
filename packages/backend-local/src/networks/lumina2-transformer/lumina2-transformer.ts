import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm, rmsNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { joined, split, tokensOf } from "../blocks/joint-streams.ts";
import { modulation, onePlus } from "../blocks/modulation.ts";
import { sandwichBlock, sandwichVectors } from "../blocks/sandwich-block.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { lumina2Config } from "./lumina2-config.ts";

/** Sizes that are the class's own. */
const [waves, mostTime] = [256, 1024];

const names = {
  attention: "attn",
  feedNorms: ["ffn_norm1", "ffn_norm2"],
  feed: { gate: "linear_1", value: "linear_3", out: "linear_2" },
} as const;

/**
 * Lumina Image 2.0's transformer (https://arxiv.org/abs/2503.21758), diffusers' Lumina2Transformer2DModel: text and picture are refined each by itself,
 * then run through blocks in one sequence, the text first.
 *
 * Inputs: `image` `[1, image_tokens, 4·in_channels]`; `text` `[1, text_tokens, cap_feat_dim]`; `image_cos`, `image_sin`, `text_cos`, `text_sin`
 * `[tokens, head / 2]`; `timestep` float32 `[1]`, from 0 (noise) to 1. Output: `velocity` `[1, image_tokens, 4·in_channels]`, of the flow from noise to
 * picture.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildLumina2Transformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = lumina2Config(config);
  const { hidden_size: width, num_attention_heads: heads, cap_feat_dim: textSize, norm_eps: epsilon } = spec;
  const graph = new GraphBuilder("Lumina2Transformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const [patch, timeSize, headSize] = [4 * spec.in_channels, Math.min(width, mostTime), width / heads];
  const inner = spec.multiple_of * Math.ceil((4 * width) / spec.multiple_of);

  const image = graph.input("image", "float32", [1, "image_tokens", patch]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const textAngles = angleInputs(graph, "text_", headSize);
  const embedder = root.in("time_caption_embed");
  const timestep = graph.input("timestep", "float32", [1]);
  const time = activate(graph, "silu", embeddedWaves(embedder.in("timestep_embedder"), timestep, waves, timeSize));

  const layers = (name: string, count: number, x: Value, angles: Angles, modulated = true) => {
    for (let i = 0; i < count; i++) {
      const scope = root.in(name, i);
      const sizes = { inFeatures: timeSize, features: width };
      const vectors = modulated ? modulation(scope.in("norm1.linear"), time, sandwichVectors, sizes) : undefined;
      const attentionNorms = [modulated ? "norm1.norm" : "norm1", "norm2"] as const;
      x = sandwichBlock(scope, x, {
        ...{ width, inner, heads, kvHeads: spec.num_kv_heads, epsilon, normsHeads: true, angles, vectors },
        names: { ...names, attentionNorms },
      });
    }
    return x;
  };
  const normed = rmsNorm(embedder.in("caption_embedder.0"), text, textSize, epsilon);
  const words = linear(embedder.in("caption_embedder.1"), normed, { inFeatures: textSize, outFeatures: width });
  const patches = linear(root.in("x_embedder"), image, { inFeatures: patch, outFeatures: width });
  const refined = spec.num_refiner_layers;
  const streams = {
    text: layers("context_refiner", refined, words, textAngles, false),
    image: layers("noise_refiner", refined, patches, imageAngles),
  };
  const x = layers("layers", spec.num_layers, joined(graph, streams), joinAngles(graph, textAngles, imageAngles));
  const picture = split(graph, x, tokensOf(graph, text)).image;
  const last = root.in("norm_out");
  const { scale } = modulation(last.in("linear_1"), time, ["scale"], { inFeatures: timeSize, features: width });
  const even = modulatedLayerNorm(graph, picture, { features: width, epsilon: 1e-6, scale: onePlus(graph, scale) });
  const output = linear(last.in("linear_2"), even, { inFeatures: width, outFeatures: patch });
  graph.output(output, "velocity", "float32", [1, "image_tokens", patch]);
  return networkGraph(graph);
}
