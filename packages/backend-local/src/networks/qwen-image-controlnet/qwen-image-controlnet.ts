import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { Scope } from "../../graph/scope.ts";
import { residualOutputs } from "../blocks/residuals.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { qwenImageList, qwenImageStage } from "../qwen-image-transformer/qwen-image-transformer.ts";
import { qwenImageControlNetConfig } from "./qwen-image-controlnet-config.ts";

/**
 * A ControlNet of Qwen-Image, diffusers' QwenImageControlNetModel: some blocks of the transformer's shape, over the latent's tokens and the control
 * picture's.
 *
 * Inputs: the transformer's; `control` `[1, image_tokens, in_channels]`, the control picture's latent as tokens; and `scale` `[1]`, which multiplies what
 * comes out. Outputs: `control.block.N` `[1, image_tokens, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwenImageControlNet(config: unknown, weights: Weights): NetworkGraph {
  const spec = qwenImageControlNetConfig(config);
  const graph = new GraphBuilder("QwenImageControlNetModel");
  const root = new Scope(graph, weights);
  const { in_channels: channels } = spec;
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const tokens = (input: string, layer: string) =>
    linear(root.in(layer), graph.input(input, "float32", [1, "image_tokens", channels]), {
      inFeatures: channels,
      outFeatures: width,
    });
  const image = graph.node("Add", [tokens("image", "img_in"), tokens("control", "controlnet_x_embedder")]);
  const scale = graph.input("scale", "float32", [1]);
  const stage = qwenImageStage(root, { ...spec, zero_cond_t: false });
  let streams = { image, text: stage.words };
  const results: Value[] = [];
  for (let i = 0; i < spec.num_layers; i++) {
    streams = stage.block(i, streams);
    results.push(linear(root.in("controlnet_blocks", i), streams.image, { inFeatures: width, outFeatures: width }));
  }
  residualOutputs(graph, qwenImageList, results, scale);
  return networkGraph(graph);
}
