import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { Scope } from "../../graph/scope.ts";
import { timestepEmbedding } from "../../graph/timestep-embedding.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { downBlock, type Features, midBlock, type UNetContext } from "../unet-2d-condition/unet-2d-blocks.ts";
import { mlp, unetEmbedding } from "../unet-2d-condition/unet-embeddings.ts";
import { type ControlNetConfig, controlNetConfig } from "./controlnet-config.ts";

/** Names of a ControlNet's outputs, which are inputs of the UNet that it steers: one for each skip connection, and the middle's. */
export function controlOutputs(count: number): string[] {
  return [...Array.from({ length: count }, (_, i) => `control.down.${i}`), "control.mid"];
}

/**
 * A ControlNet (Zhang et al. 2023, https://arxiv.org/abs/2302.05543), as diffusers' ControlNetModel, without the part that looks at the control
 * picture: {@link buildControlHint} does that once for all steps.
 *
 * Inputs: those of the UNet that it steers; `hint` `[1, channels, height, width]`; `scales`, a factor for each output; and of a network
 * of several kinds `control_type` `[1, kinds]`. Outputs: {@link controlOutputs}.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildControlNet(config: unknown, weights: Weights): NetworkGraph {
  const spec = controlNetConfig(config);
  const { unet } = spec;
  const graph = new GraphBuilder("ControlNetModel");
  const root = new Scope(graph, weights);
  const { norm_num_groups: groups, norm_eps: epsilon, act_fn: activation } = unet;

  const sample = graph.input("sample", "float32", ["batch", unet.in_channels, "height", "width"]);
  const embedding = unetEmbedding(root, unet);
  const told = spec.kinds === undefined ? embedding.value : withKind(root, embedding.value, spec);
  const text = graph.input("encoder_hidden_states", "float32", ["batch", "tokens", unet.levels[0]!.crossAttentionDim]);
  const time = {
    value: activate(graph, activation, told),
    channels: embedding.channels,
    scaleShift: unet.resnet_time_scale_shift === "scale_shift",
  };
  const context: UNetContext = { config: unet, style: { groups, epsilon, activation, time }, text, grown: false };

  const channels = unet.levels[0]!.channels;
  const hint = graph.input("hint", "float32", ["hints", channels, "height", "width"]);
  const first = conv(root.in("conv_in"), sample, { inChannels: unet.in_channels, outChannels: channels });
  let x: Features = { value: graph.node("Add", [first, hint]), channels };
  const kept = [x];
  for (const [i, level] of unet.levels.entries()) {
    kept.push(...downBlock(root.in("down_blocks", i), x, level, i === unet.levels.length - 1, context));
    x = kept.at(-1)!;
  }
  const middle = midBlock(root.in("mid_block"), x, unet, context);

  const names = controlOutputs(kept.length);
  const scales = graph.input("scales", "float32", [names.length]);
  const outputs = [...kept, middle];
  for (const [i, { value, channels: own }] of outputs.entries()) {
    const block = i < kept.length ? root.in("controlnet_down_blocks", i) : root.in("controlnet_mid_block");
    const made = conv(block, value, { inChannels: own, outChannels: own, kernel: 1 });
    const scaled = graph.node("Mul", [made, graph.node("Gather", [scales, graph.ints(i)])]);
    const pooled = spec.global_pool_conditions ? graph.node("ReduceMean", [scaled, graph.ints([2, 3])]) : scaled;
    graph.output(pooled, names[i]!, "float32", ["batch", own, `height_${i}`, `width_${i}`]);
  }
  return networkGraph(graph);
}

/** The embedding with the kinds of control in it (ControlNet++, https://github.com/xinsir6/ControlNetPlus). */
function withKind(root: Scope, embedding: Value, { unet, kinds }: ControlNetConfig): Value {
  const { graph } = root;
  const type = graph.input("control_type", "float32", [1, kinds!]);
  const dimension = unet.addition_time_embed_dim ?? 256;
  const options = { dimension, flipSinToCos: unet.flip_sin_to_cos, freqShift: unet.freq_shift };
  const waves = timestepEmbedding(graph, graph.node("Reshape", [type, graph.ints([-1])]), options);
  const flat = graph.node("Reshape", [waves, graph.ints([1, -1])]);
  const sizes = { inFeatures: dimension * kinds!, outFeatures: unet.timeEmbedDim };
  return graph.node("Add", [embedding, mlp(root.in("control_add_embedding"), flat, sizes, unet.act_fn)]);
}
