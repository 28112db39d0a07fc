import { z } from "zod";
import type { Weights } from "../../files/weights.ts";
import { activationNames } from "../../graph/activation.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { rmsNorm } from "../../graph/norm.ts";
import { angleInputs } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { parseVision, turnedHeads, visionSizes } from "../blocks/vision-config.ts";
import { mergeTokens, patchEmbed, patchNumbers, visionAttention, visionScope } from "../blocks/vision-tokens.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { depth, size } from "../parse-config.ts";

const visionSchema = visionSizes
  .extend({
    depth: depth.default(32),
    hidden_size: size.default(3584),
    hidden_act: z.enum(activationNames).default("silu"),
    intermediate_size: size.default(3420),
    num_heads: size.default(16),
    patch_size: size.default(14),
    window_size: size.default(112),
    out_hidden_size: size.default(3584),
    fullatt_block_indexes: z.array(z.int().nonnegative()).default([7, 15, 23, 31]),
  })
  .refine(turnedHeads.holds, turnedHeads.otherwise);

/** The checked configuration of what sees pictures in Qwen2.5-VL. */
export type Qwen25VLVisionConfig = z.output<typeof visionSchema>;

/** Checks a text encoder's `vision_config`. @throws {@link ModelError} naming the option. */
export function qwen25VLVisionConfig(config: unknown): Qwen25VLVisionConfig {
  return parseVision(visionSchema, config);
}

const epsilon = 1e-6;

/**
 * What sees pictures in Qwen2.5-VL (https://arxiv.org/abs/2502.13923): in most blocks tokens look at those of their window, in some at all.
 *
 * Inputs: `patches` `[1, tokens, in_channels·2·patch²]`, those that are merged into one beside each other; `cos`, `sin` `[tokens, head / 2]`;
 * `window_places` int32 `[windows, size]`, `window_mask` bool `[windows, 1, size, size]`, `window_back` int32 `[1, tokens]`.
 * Output: `picture` `[1, tokens / merged, out_hidden_size]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwen25VLVision(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = qwen25VLVisionConfig(config);
  const graph = new GraphBuilder("Qwen2_5_VisionTransformer");
  const root = visionScope(new Scope(graph, weights, options.adapter));
  const { hidden_size: width, num_heads: heads, intermediate_size: inner, hidden_act: activation } = spec;

  const patches = graph.input("patches", "float32", [1, "tokens", patchNumbers(spec)]);
  const angles = angleInputs(graph, "", width / heads);
  const windows = {
    places: graph.input("window_places", "int32", ["windows", "window"]),
    mask: graph.input("window_mask", "bool", ["windows", 1, "window", "window"]),
    back: graph.input("window_back", "int32", [1, "tokens"]),
  };
  const names = { gate: "gate_proj", value: "up_proj", out: "down_proj" };
  let x = patchEmbed(root.in("patch_embed.proj"), patches, spec, false);
  for (let i = 0; i < spec.depth; i++) {
    const block = root.in("blocks", i);
    const own = spec.fullatt_block_indexes.includes(i) ? undefined : windows;
    const normed = rmsNorm(block.in("norm1"), x, width, epsilon);
    const attended = graph.node("Add", [
      x,
      visionAttention(block.in("attn"), normed, { heads, width, angles, windows: own }),
    ]);
    const sizes = { features: width, inner, names, activation, bias: true };
    const even = rmsNorm(block.in("norm2"), attended, width, epsilon);
    x = graph.node("Add", [attended, gatedFeedForward(block.in("mlp"), even, sizes)]);
  }
  const output = mergeTokens(root.in("merger"), rmsNorm(root.in("merger.ln_q"), x, width, epsilon), {
    width,
    merged: spec.spatial_merge_size ** 2,
    outFeatures: spec.out_hidden_size,
    names: ["mlp.0", "mlp.2"],
  });
  graph.output(output, "picture", "float32", [1, "merged", spec.out_hidden_size]);
  return networkGraph(graph);
}
