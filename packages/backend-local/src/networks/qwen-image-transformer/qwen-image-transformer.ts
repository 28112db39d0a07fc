import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm, rmsNorm } from "../../graph/norm.ts";
import { angleInputs, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { jointBlock } from "../blocks/joint-block.ts";
import type { Streams } from "../blocks/joint-streams.ts";
import { lastModulation, onePlus } from "../blocks/modulation.ts";
import { type ResidualPlaces, residualInputs } from "../blocks/residuals.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type QwenImageConfig, qwenImageConfig } from "./qwen-image-config.ts";

/** Sizes that are the class's own. */
const [waves, epsilon] = [256, 1e-6];

const names = {
  text: { modulation: "txt_mod.1", feed: "txt_mlp" },
  image: { modulation: "img_mod.1", feed: "img_mlp" },
};

/**
 * Qwen-Image's transformer (https://arxiv.org/abs/2508.02324), diffusers' QwenImageTransformer2DModel: blocks of two streams, text and picture, that
 * attend to each other.
 *
 * Inputs: `image` `[1, image_tokens, in_channels]`; `text` `[1, text_tokens, joint_attention_dim]`; `image_cos`, `image_sin`, `text_cos`,
 * `text_sin` `[tokens, head / 2]`; `timestep` float32 `[1]`, 0 to 1000; with zero_cond_t `is_reference` bool
 * `[1, image_tokens, 1]`. Output: `velocity` `[1, image_tokens, 4·out_channels]`, of the flow from
 * picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImageTransformer(
  config: unknown,
  weights: Weights,
  options: QwenImageOptions = {},
): NetworkGraph {
  const spec = qwenImageConfig(config);
  const graph = new GraphBuilder("QwenImageTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, attention_head_dim: headSize, num_attention_heads: heads } = spec;
  const width = headSize * heads;

  const image = graph.input("image", "float32", [1, "image_tokens", channels]);
  const stage = qwenImageStage(root, spec);
  const added = residualInputs(graph, qwenImageList, options.residuals?.[0]);
  let streams = {
    image: linear(root.in("img_in"), image, { inFeatures: channels, outFeatures: width }),
    text: stage.words,
  };
  for (let i = 0; i < spec.num_layers; i++) {
    streams = stage.block(i, streams);
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
  const outFeatures = 4 * spec.out_channels;
  const output = linear(root.in("proj_out"), even, { inFeatures: width, outFeatures });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}

/** What the transformer may be built otherwise in. */
export interface QwenImageOptions extends BuildOptions {
  /** Of ControlNets: beside its blocks. */
  residuals?: readonly ResidualPlaces[];
}

/** The list of blocks that ControlNets add to. */
export const qwenImageList = "block";

/** What blocks of Qwen-Image's are run with: the text's tokens, the time, and each block. */
export function qwenImageStage(
  root: Scope,
  spec: Pick<QwenImageConfig, "attention_head_dim" | "num_attention_heads" | "joint_attention_dim" | "zero_cond_t">,
) {
  const { graph } = root;
  const { attention_head_dim: headSize, num_attention_heads: heads, joint_attention_dim: textSize } = spec;
  const width = headSize * heads;
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const angles = joinAngles(graph, angleInputs(graph, "text_", headSize), imageAngles);
  const timestep = graph.input("timestep", "float32", [1]);
  const embedder = root.in("time_text_embed.timestep_embedder");
  const timeOf = (value: Value) => activate(graph, "silu", embeddedWaves(embedder, value, waves, width));
  const time = timeOf(timestep);
  const otherTime = spec.zero_cond_t
    ? {
        time: timeOf(graph.floats([0], [1])),
        tokens: graph.input("is_reference", "bool", [1, "image_tokens", 1]),
      }
    : undefined;
  const normed = rmsNorm(root.in("txt_norm"), text, textSize, epsilon);
  const words = linear(root.in("txt_in"), normed, { inFeatures: textSize, outFeatures: width });
  const block = (i: number, streams: Streams) =>
    jointBlock(root.in("transformer_blocks", i), streams, { heads, headSize, time, otherTime, names, angles });
  return { words, time, block };
}
