import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { jointBlock } from "../blocks/joint-block.ts";
import type { Streams } from "../blocks/joint-streams.ts";
import { lastModulation, onePlus } from "../blocks/modulation.ts";
import { picturePatches } from "../blocks/picture-patches.ts";
import { placesOfLargest } from "../blocks/places-of-largest.ts";
import { type ResidualPlaces, residualInputs } from "../blocks/residuals.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type SD3Config, sd3Config } from "./sd3-config.ts";

/** Sizes that are the class's own. */
const [waves, epsilon] = [256, 1e-6];

const names = {
  text: { modulation: "norm1_context.linear", feed: "ff_context" },
  image: { modulation: "norm1.linear", feed: "ff" },
};

/**
 * Stable Diffusion 3's transformer, MM-DiT (Esser et al. 2024, https://arxiv.org/abs/2403.03206), diffusers' SD3Transformer2DModel: text and picture attend to
 * each other in every block; in 3.5 medium, the picture also to itself alone in the first ones.
 *
 * Inputs: `sample` `[1, in_channels, height, width]`, sides even; `places` int32 `[image_tokens]`, the rows of the table of positions that the picture's
 * blocks of 2×2 have; `text` `[1, text_tokens, joint_attention_dim]`; `pooled` `[1, pooled_projection_dim]`; `timestep` float32 `[1]`, 0 to 1000. Output:
 * `velocity` `[1, image_tokens, 4·out_channels]`, blocks as row, column, channel, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildSD3Transformer(config: unknown, weights: Weights, options: SD3Options = {}): NetworkGraph {
  const spec = sd3Config(config);
  const graph = new GraphBuilder("SD3Transformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, num_layers: count } = spec;
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const stage = sd3Stage(root, spec);
  const added = residualInputs(graph, sd3List, options.residuals?.[0]);
  let { streams } = stage;
  for (let i = 0; i < count; i++) {
    streams = stage.block(i, streams, i === count - 1);
    streams = { ...streams, image: added(streams.image, i) };
  }
  const { time } = stage;

  const { scale, shift } = lastModulation(root.in("norm_out"), time, { inFeatures: width, features: width });
  const even = modulatedLayerNorm(graph, streams.image, {
    features: width,
    epsilon,
    scale: onePlus(graph, scale),
    shift,
  });
  const outFeatures = 4 * (spec.out_channels ?? channels);
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/** What the transformer may be built otherwise in. */
export interface SD3Options extends BuildOptions {
  /** Of ControlNets: beside its blocks. */
  residuals?: readonly ResidualPlaces[];
}

/** The list of blocks that ControlNets add to. */
export const sd3List = "block";

/** What blocks of Stable Diffusion 3's are run over: the tokens of picture and text, the time, and each block. */
export function sd3Stage(root: Scope, spec: SD3Config) {
  const { graph } = root;
  const { in_channels: channels, joint_attention_dim: textSize } = spec;
  const { attention_head_dim: headSize, num_attention_heads: heads } = spec;
  const width = headSize * heads;
  const sample = graph.input("sample", "float32", [1, channels, "height", "width"]);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const time = activate(graph, "silu", timeVector(root.in("time_text_embed"), spec, width));
  const streams: Streams = {
    image: graph.node("Add", [
      picturePatches(root.in("pos_embed"), sample, channels, width),
      placesOfLargest(root.in("pos_embed"), spec.pos_embed_max_size ** 2, width),
    ]),
    text: linear(root.in("context_embedder"), text, { inFeatures: textSize, outFeatures: width }),
  };
  const block = (i: number, of: Streams, last: boolean) =>
    jointBlock(root.in("transformer_blocks", i), of, {
      ...{ heads, headSize, time, names, normsHeads: spec.qk_norm != null },
      ...{ dual: spec.dual_attention_layers.includes(i), last },
    });
  return { streams, time, block };
}

function timeVector(scope: Scope, { pooled_projection_dim: size }: SD3Config, width: number): Value {
  const { graph } = scope;
  const pooled = graph.input("pooled", "float32", [1, size]);
  const time = embeddedWaves(scope.in("timestep_embedder"), graph.input("timestep", "float32", [1]), waves, width);
  return graph.node("Add", [time, embedded(scope.in("text_embedder"), pooled, size, width)]);
}
