import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { layerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { toTokens } from "../../graph/tokens.ts";
import { clipLayer } from "../blocks/clip-layer.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { clipVisionConfig } from "./clip-vision-config.ts";

/**
 * CLIP's image encoder (Radford et al. 2021), as transformers' CLIPVisionModelWithProjection.
 *
 * Input: `pixel_values` `[batch, 3, image_size, image_size]`, normalised. Outputs: `image_embeds` `[batch, projection]`, and `penultimate`
 * `[batch, tokens, hidden]`: the last but one layer's, with the class token first.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildClipVision(config: unknown, weights: Weights): NetworkGraph {
  const spec = clipVisionConfig(config);
  const { hidden_size: width, image_size: side, patch_size: patch, layer_norm_eps: epsilon } = spec;
  const graph = new GraphBuilder("CLIPVisionModelWithProjection");
  const all = new Scope(graph, weights);
  const root = all.in("vision_model", "embeddings", "patch_embedding").has("weight") ? all.in("vision_model") : all;
  const pixels = graph.input("pixel_values", "float32", ["batch", 3, side, side]);

  const scope = root.in("embeddings");
  const attributes = { kernel_shape: { ints: [patch, patch] }, strides: { ints: [patch, patch] } };
  const filter = scope.in("patch_embedding").weight("weight", [width, 3, patch, patch]);
  const patches = toTokens(graph, graph.node("Conv", [pixels, filter], { attributes }));
  const batch = graph.node("Shape", [pixels], { attributes: { end: { int: 1 } } });
  const axis = (at: number) => ({ attributes: { axis: { int: at } } });
  const shape = graph.node("Concat", [batch, graph.ints([1, width])], axis(0));
  const first = graph.node("Expand", [scope.weight("class_embedding", [width], { as: [1, 1, width] }), shape]);
  const tokens = Math.floor(side / patch) ** 2 + 1;
  const places = scope.in("position_embedding").weight("weight", [tokens, width]);
  const placed = graph.node("Add", [graph.node("Concat", [first, patches], axis(1)), places]);
  // The name is misspelt in every file.
  let state = layerNorm(root.in("pre_layrnorm"), placed, width, epsilon);
  const count = spec.num_hidden_layers;
  for (let i = 0; i < count; i++) {
    if (i === count - 1) graph.output(state, "penultimate", "float32", ["batch", tokens, width]);
    state = clipLayer(root.in("encoder", "layers", i), state, spec, false);
  }
  const whole = graph.node("Gather", [state, graph.ints(0)], axis(1)) as Value;
  const normed = layerNorm(root.in("post_layernorm"), whole, width, epsilon);
  const sizes = { inFeatures: width, outFeatures: spec.projection_dim, bias: false };
  graph.output(linear(all.in("visual_projection"), normed, sizes), "image_embeds", "float32", [
    "batch",
    spec.projection_dim,
  ]);
  return networkGraph(graph);
}
