import { z } from "zod";
import type { Weights } from "../../files/weights.ts";
import { activationNames } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { layerNorm } from "../../graph/norm.ts";
import { angleInputs } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { parseVision, turnedHeads, visionSizes } from "../blocks/vision-config.ts";
import {
  mergeTokens,
  patchEmbed,
  patchNumbers,
  twoLayers,
  visionAttention,
  visionScope,
} from "../blocks/vision-tokens.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { depth, rows, size } from "../parse-config.ts";

const visionSchema = visionSizes
  .extend({
    depth: depth.default(27),
    hidden_size: size.default(1152),
    hidden_act: z.enum(activationNames).default("gelu_pytorch_tanh"),
    intermediate_size: size.default(4304),
    num_heads: size.default(16),
    patch_size: size.default(16),
    out_hidden_size: size.default(3584),
    num_position_embeddings: rows.default(2304),
    deepstack_visual_indexes: z.array(z.int().nonnegative()).max(16).default([8, 16, 24]),
  })
  .refine(turnedHeads.holds, turnedHeads.otherwise)
  .refine((config) => Number.isInteger(Math.sqrt(config.num_position_embeddings)), {
    path: ["num_position_embeddings"],
    message: "must be a square",
  });

/** The checked configuration of what sees pictures in Qwen3-VL. */
export type Qwen3VLVisionConfig = z.output<typeof visionSchema>;

/** Checks a text encoder's `vision_config`. @throws {@link ModelError} naming the option. */
export function qwen3VLVisionConfig(config: unknown): Qwen3VLVisionConfig {
  return parseVision(visionSchema, config);
}

const epsilon = 1e-6;
const layerNames = ["linear_fc1", "linear_fc2"] as const;

/**
 * What sees pictures in Qwen3-VL (https://arxiv.org/abs/2511.21631): places are learned, and turned; what some blocks make is given to the first layers
 * of the text model as well.
 *
 * Inputs: `patches` `[1, patches, in_channels·2·patch²]`, those that are merged into one beside each other; `cos`, `sin` `[patches, head / 2]`;
 * `corners` int32 `[1, patches, 4]`, the learned places around each patch's, and `nearness` `[1, patches, 4, 1]`, how much each counts.
 * Outputs: `picture` `[1, patches / merged, out_hidden_size]`, and `picture_1` … alike, one for each of deepstack_visual_indexes.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwen3VLVision(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = qwen3VLVisionConfig(config);
  const graph = new GraphBuilder("Qwen3VLVisionModel");
  const root = visionScope(new Scope(graph, weights, options.adapter));
  const { hidden_size: width, num_heads: heads, intermediate_size: inner, hidden_act: activation } = spec;
  const merged = spec.spatial_merge_size ** 2;

  const patches = graph.input("patches", "float32", [1, "patches", patchNumbers(spec)]);
  const angles = angleInputs(graph, "", width / heads, "patches");
  const corners = graph.input("corners", "int32", [1, "patches", 4]);
  const nearness = graph.input("nearness", "float32", [1, "patches", 4, 1]);
  const around = root.in("pos_embed").lookup(corners, spec.num_position_embeddings, width);
  const places = graph.node("ReduceSum", [graph.node("Mul", [around, nearness]), graph.ints([2])], {
    attributes: { keepdims: { int: 0 } },
  });
  const merge = (scope: Scope, x: Value) =>
    mergeTokens(scope, x, { width, merged, outFeatures: spec.out_hidden_size, names: layerNames });
  const output = (x: Value, name: string) => graph.output(x, name, "float32", [1, "merged", spec.out_hidden_size]);

  let x = graph.node("Add", [patchEmbed(root.in("patch_embed.proj"), patches, spec, true), places]);
  for (let i = 0; i < spec.depth; i++) {
    const block = root.in("blocks", i);
    const normed = layerNorm(block.in("norm1"), x, width, epsilon);
    const attended = graph.node("Add", [x, visionAttention(block.in("attn"), normed, { heads, width, angles })]);
    const even = layerNorm(block.in("norm2"), attended, width, epsilon);
    const sizes = { inFeatures: width, inner, outFeatures: width, names: layerNames, activation };
    x = graph.node("Add", [attended, twoLayers(block.in("mlp"), even, sizes)]);
    const deep = spec.deepstack_visual_indexes.indexOf(i);
    if (deep < 0) continue;
    const scope = root.in("deepstack_merger_list", deep);
    const joined = graph.node("Reshape", [x, graph.ints([1, -1, width * merged])]);
    output(merge(scope, layerNorm(scope.in("norm"), joined, width * merged, epsilon)), `picture_${deep + 1}`);
  }
  output(merge(root.in("merger"), layerNorm(root.in("merger.norm"), x, width, epsilon)), "picture");
  return networkGraph(graph);
}
