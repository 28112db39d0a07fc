import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { layerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type ControlNetConfig, controlNetConfig } from "./controlnet-config.ts";

/**
 * What a ControlNet makes of the control picture: the same in every step, so that it is made once.
 *
 * Input: `picture` `[1, channels, height, width]` of the picture, 0 to 1; of a network of several kinds also `kind` `[1]`, which of them it is, and
 * `scale` `[1]`, by which what is seen is multiplied. Output: `hint` `[1, channels, height / 8, width / 8]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildControlHint(config: unknown, weights: Weights): NetworkGraph {
  const spec = controlNetConfig(config);
  const graph = new GraphBuilder("ControlNetConditioningEmbedding");
  const root = new Scope(graph, weights);
  const scope = root.in("controlnet_cond_embedding");
  const channels = spec.conditioning_embedding_out_channels;
  const picture = graph.input("picture", "float32", [1, spec.conditioning_channels, "height", "width"]);
  const ordered =
    spec.controlnet_conditioning_channel_order === "rgb"
      ? picture
      : graph.node("Gather", [picture, graph.ints([2, 1, 0])], { attributes: { axis: { int: 1 } } });
  const first = { inChannels: spec.conditioning_channels, outChannels: channels[0]! };
  let x = activate(graph, "silu", conv(scope.in("conv_in"), ordered, first));
  for (const [i, from] of channels.slice(0, -1).entries()) {
    const [same, down] = [scope.in("blocks", 2 * i), scope.in("blocks", 2 * i + 1)];
    x = activate(graph, "silu", conv(same, x, { inChannels: from, outChannels: from }));
    x = activate(graph, "silu", conv(down, x, { inChannels: from, outChannels: channels[i + 1]!, stride: 2 }));
  }
  const outChannels = spec.unet.levels[0]!.channels;
  const seen = conv(scope.in("conv_out"), x, { inChannels: channels.at(-1)!, outChannels });
  const hint = spec.kinds === undefined ? seen : fused(root, seen, spec);
  graph.output(hint, "hint", "float32", [1, outChannels, "hint_height", "hint_width"]);
  return networkGraph(graph);
}

/**
 * A network of several kinds adds to each control what a transformer makes of its mean and its kind. In the reference that transformer
 * attends over the batch and not over the controls, and the batch's rows are alike there: each is its own value.
 */
function fused(root: Scope, seen: Value, spec: ControlNetConfig): Value {
  const { graph } = root;
  const width = spec.num_trans_channel;
  const kind = graph.input("kind", "int64", [1]);
  const scale = graph.input("scale", "float32", [1]);
  const task = graph.node("Gather", [root.weight("task_embedding", [spec.kinds!, width]), kind]);
  const mean = graph.node("ReduceMean", [seen, graph.ints([2, 3])], { attributes: { keepdims: { int: 0 } } });
  let x = graph.node("Mul", [graph.node("Add", [mean, task]), scale]);
  // Its name is misspelt in the published files.
  for (let i = 0; i < spec.num_trans_layer; i++) x = attentionBlock(root.in("transformer_layes", i), x, width);
  const sizes = { inFeatures: width, outFeatures: spec.num_proj_channel };
  const alpha = graph.node("Mul", [linear(root.in("spatial_ch_projs"), x, sizes), scale]);
  const plane = graph.node("Unsqueeze", [alpha, graph.ints([2, 3])]);
  return graph.node("Add", [graph.node("Mul", [seen, scale]), plane]);
}

function attentionBlock(scope: Scope, input: Value, width: number): Value {
  const { graph } = scope;
  const attention = scope.in("attn");
  const normed = layerNorm(scope.in("ln_1"), input, width);
  const third = [2 * width, 3 * width] as const;
  const weight = attention.weight("in_proj_weight", [3 * width, width], { as: [width, width], rows: third });
  const bias = attention.weight("in_proj_bias", [3 * width], { as: [width], rows: third });
  const transposed = { attributes: { transB: { int: 1 } }, domain: "com.microsoft" } as const;
  const value = graph.node("Add", [graph.node("FusedMatMul", [normed, weight], transposed), bias]);
  const square = { inFeatures: width, outFeatures: width };
  const x = graph.node("Add", [input, linear(attention.in("out_proj"), value, square)]);
  const wide = linear(scope.in("mlp", "c_fc"), layerNorm(scope.in("ln_2"), x, width), {
    inFeatures: width,
    outFeatures: 4 * width,
  });
  const active = activate(graph, "quick_gelu", wide);
  return graph.node("Add", [
    x,
    linear(scope.in("mlp", "c_proj"), active, { inFeatures: 4 * width, outFeatures: width }),
  ]);
}
