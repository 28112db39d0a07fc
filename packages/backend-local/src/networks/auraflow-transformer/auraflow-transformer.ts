import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { Scope } from "../../graph/scope.ts";
import { embeddedWaves } from "../blocks/embedded.ts";
import { joined, split, tokensOf } from "../blocks/joint-streams.ts";
import { lastModulation, onePlus } from "../blocks/modulation.ts";
import { placesOfLargest } from "../blocks/places-of-largest.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { jointAuraBlock, singleAuraBlock } from "./aura-blocks.ts";
import { auraflowConfig } from "./auraflow-config.ts";

/** Sizes that are the class's own. */
const [waves, registers] = [256, 8];

/**
 * AuraFlow's transformer (https://blog.fal.ai/auraflow), diffusers' AuraFlowTransformer2DModel: a few blocks of MM-DiT and then many of one stream, over
 * learned registers, the text and the picture; without biases.
 *
 * Inputs: `image` `[1, image_tokens, 4·in_channels]`, blocks of 2×2 as channel, row, column; `places` int32 `[image_tokens]`, the rows of the table of
 * positions that they have; `text` `[1, text_tokens, joint_attention_dim]`; `timestep` float32 `[1]`, 0 to 1000. Output: `velocity`
 * `[1, image_tokens, 4·out_channels]`, blocks as row, column, channel, of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildAuraFlowTransformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = auraflowConfig(config);
  const graph = new GraphBuilder("AuraFlowTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { in_channels: channels, joint_attention_dim: textSize } = spec;
  const { attention_head_dim: headSize, num_attention_heads: heads } = spec;
  const width = headSize * heads;

  const patches = graph.input("image", "float32", [1, "image_tokens", 4 * channels]);
  const caption = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const timestep = graph.input("timestep", "float32", [1]);
  const time = activate(graph, "silu", embeddedWaves(root.in("time_step_proj"), timestep, waves, width));
  const place = root.in("pos_embed");
  const words = linear(root.in("context_embedder"), caption, { inFeatures: textSize, outFeatures: width, bias: false });
  let streams = {
    image: graph.node("Add", [
      linear(place.in("proj"), patches, { inFeatures: 4 * channels, outFeatures: width }),
      placesOfLargest(place, spec.pos_embed_max_size, width),
    ]),
    text: joined(graph, { text: root.weight("register_tokens", [1, registers, width]), image: words }),
  };
  const sizes = { heads, headSize, time };
  for (let i = 0; i < spec.num_mmdit_layers; i++)
    streams = jointAuraBlock(root.in("joint_transformer_blocks", i), streams, sizes);
  let x = joined(graph, streams);
  for (let i = 0; i < spec.num_single_dit_layers; i++)
    x = singleAuraBlock(root.in("single_transformer_blocks", i), x, sizes);
  const { image } = split(graph, x, tokensOf(graph, streams.text));

  const last = lastModulation(root.in("norm_out"), time, { inFeatures: width, features: width, bias: false });
  const moved: Value = graph.node("Add", [graph.node("Mul", [image, onePlus(graph, last.scale)]), last.shift]);
  const outFeatures = 4 * spec.out_channels;
  const output = linear(root.in("proj_out"), moved, { inFeatures: width, outFeatures, bias: false });
  graph.output(output, "velocity", "float32", [1, "image_tokens", outFeatures]);
  return networkGraph(graph);
}
