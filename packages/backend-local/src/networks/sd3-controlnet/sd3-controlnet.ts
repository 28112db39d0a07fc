import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { Scope } from "../../graph/scope.ts";
import { picturePatches } from "../blocks/picture-patches.ts";
import { residualOutputs } from "../blocks/residuals.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { sd3List, sd3Stage } from "../sd3-transformer/sd3-transformer.ts";
import { sd3ControlNetConfig } from "./sd3-controlnet-config.ts";

/**
 * A ControlNet of Stable Diffusion 3, diffusers' SD3ControlNetModel: some blocks of the transformer's shape, over the latent and the control picture's.
 *
 * Inputs: the transformer's; `control` `[1, in_channels, height, width]`, the control picture's latent; and `scale` `[1]`, which multiplies what comes out.
 * Outputs: `control.block.N` `[1, image_tokens, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildSD3ControlNet(config: unknown, weights: Weights): NetworkGraph {
  const spec = sd3ControlNetConfig(config);
  const graph = new GraphBuilder("SD3ControlNetModel");
  const root = new Scope(graph, weights);
  const { in_channels: channels } = spec;
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const control = graph.input("control", "float32", [1, channels, "height", "width"]);
  const scale = graph.input("scale", "float32", [1]);
  const stage = sd3Stage(root, spec);
  const shown = picturePatches(root.in("pos_embed_input"), control, channels, width);
  let streams = { ...stage.streams, image: graph.node("Add", [stage.streams.image, shown]) };
  const results: Value[] = [];
  for (let i = 0; i < spec.num_layers; i++) {
    streams = stage.block(i, streams, false);
    results.push(linear(root.in("controlnet_blocks", i), streams.image, { inFeatures: width, outFeatures: width }));
  }
  residualOutputs(graph, sd3List, results, scale);
  return networkGraph(graph);
}
