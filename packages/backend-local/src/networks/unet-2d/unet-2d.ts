import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { groupNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { fourierEmbedding, timestepEmbedding } from "../../graph/timestep-embedding.ts";
import { attentionBlock } from "../blocks/attention-block.ts";
import { type ResnetStyle, resnetBlock2d } from "../blocks/resnet-block-2d.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { downBlock, type Features, type UNetContext, upBlock } from "../unet-2d-condition/unet-2d-blocks.ts";
import type { UNetLevel } from "../unet-2d-condition/unet-2d-condition-config.ts";
import { mlp } from "../unet-2d-condition/unet-embeddings.ts";
import { type UNet2dConfig, unet2dConfig } from "./unet-2d-config.ts";

/**
 * A denoising network without text, as of DDPM (Ho et al. 2020): diffusers' UNet2DModel.
 *
 * Inputs: `sample` `[batch, in_channels, height, width]`, whose sides are multiples of 2 to the number of blocks less one;
 * `timestep` float32 `[1]` or `[batch]`; and where the configuration has classes `class_labels` `[batch]`, or
 * `[batch, time_embedding_dim]` for class_embed_type identity. Output: `out_sample` `[batch, out_channels, height, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildUNet2d(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = unet2dConfig(config);
  const graph = new GraphBuilder("UNet2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const { norm_num_groups: groups, norm_eps: epsilon, act_fn: activation } = spec;
  const sample = graph.input("sample", "float32", ["batch", spec.in_channels, "height", "width"]);
  const timestep = graph.input("timestep", "float32", ["timesteps"]);
  const channels = spec.time_embedding_dim ?? spec.block_out_channels[0]! * 4;
  const time = {
    value: activate(graph, activation, embedding(root, timestep, channels, spec)),
    channels,
    scaleShift: spec.resnet_time_scale_shift === "scale_shift",
  };
  const style = { groups, epsilon, activation, time };
  const context: UNetContext = { config: spec, style, grown: false };
  const levels = levelsOf(spec);

  const first = { inChannels: spec.in_channels, outChannels: levels[0]!.channels };
  let x: Features = {
    value: conv(root.in("conv_in"), centred(graph, sample, spec), first),
    channels: first.outChannels,
  };
  const kept = [x];
  for (const [i, level] of levels.entries()) {
    kept.push(...downBlock(root.in("down_blocks", i), x, level, i === levels.length - 1, context));
    x = kept.at(-1)!;
  }
  if (spec.mid_block_type !== null) x = middle(root.in("mid_block"), x, levels.at(-1)!, spec, style);
  for (const [i, level] of levels.toReversed().entries()) {
    x = upBlock(root.in("up_blocks", i), x, kept, level, i === levels.length - 1, context);
  }
  const normed = groupNorm(root.in("conv_norm_out"), x.value, { channels: x.channels, groups, epsilon });
  const last = { inChannels: x.channels, outChannels: spec.out_channels };
  // Its activation is SiLU whatever `act_fn` says, as in diffusers.
  const output = conv(root.in("conv_out"), activate(graph, "silu", normed), last);
  const scaled = spec.time_embedding_type === "fourier" ? perLevel(graph, output, timestep) : output;
  graph.output(scaled, "out_sample", "float32", ["batch", spec.out_channels, "height", "width"]);
  return networkGraph(graph);
}

function centred(graph: GraphBuilder, sample: Value, spec: UNet2dConfig): Value {
  if (!spec.center_input_sample) return sample;
  return graph.node("Sub", [graph.node("Mul", [sample, graph.floats(2)]), graph.floats(1)]);
}

/** A network of noise levels gives its output in their units (Song et al. 2021). */
function perLevel(graph: GraphBuilder, output: Value, levels: Value): Value {
  return graph.node("Div", [output, graph.node("Reshape", [levels, graph.ints([-1, 1, 1, 1])])]);
}

/** The vector that tells every residual block about the timestep and the class, before its activation. */
function embedding(root: Scope, timestep: Value, outFeatures: number, spec: UNet2dConfig): Value {
  const { graph } = root;
  const dimension = spec.block_out_channels[0]!;
  const waves = (levels: Value) =>
    spec.time_embedding_type === "fourier"
      ? fourierEmbedding(graph, levels, root.in("time_proj").weight("weight", [dimension]))
      : timestepEmbedding(graph, levels, {
          dimension,
          flipSinToCos: spec.flip_sin_to_cos,
          freqShift: spec.freq_shift,
        });
  const inFeatures = spec.time_embedding_type === "fourier" ? 2 * dimension : dimension;
  const time = mlp(root.in("time_embedding"), waves(timestep), { inFeatures, outFeatures }, "silu");
  const scope = root.in("class_embedding");
  if (spec.class_embed_type === "timestep") {
    const labels = graph.input("class_labels", "float32", ["batch"]);
    return graph.node("Add", [time, mlp(scope, waves(labels), { inFeatures, outFeatures }, "silu")]);
  }
  if (spec.class_embed_type === "identity") {
    return graph.node("Add", [time, graph.input("class_labels", "float32", ["batch", outFeatures])]);
  }
  if (spec.num_class_embeds == null) return time;
  const labels = graph.input("class_labels", "int32", ["batch"]);
  return graph.node("Add", [time, scope.lookup(labels, spec.num_class_embeds, outFeatures)]);
}

function middle(scope: Scope, input: Features, level: UNetLevel, spec: UNet2dConfig, style: ResnetStyle): Features {
  const { graph } = scope;
  const { channels } = input;
  const scaleFactor = spec.mid_block_scale_factor;
  const resnet = (i: number, x: Value) =>
    resnetBlock2d(scope.in("resnets", i), x, channels, channels, { ...style, scaleFactor });
  const first = resnet(0, input.value);
  if (!spec.add_attention) return { value: resnet(1, first), channels };
  const groups = spec.attn_norm_num_groups ?? spec.norm_num_groups;
  const sizes = { channels, headSize: level.headSize, groups, epsilon: spec.norm_eps };
  const attended = attentionBlock(scope.in("attentions", 0), first, sizes);
  const scaled = scaleFactor === 1 ? attended : graph.node("Div", [attended, graph.floats(scaleFactor)]);
  return { value: resnet(1, scaled), channels };
}

function levelsOf(spec: UNet2dConfig): UNetLevel[] {
  const up = spec.up_block_types.toReversed();
  return spec.down_block_types.map((down, i): UNetLevel => {
    const channels = spec.block_out_channels[i]!;
    const { layers_per_block: layers } = spec;
    const headSize = spec.attention_head_dim ?? channels;
    const none = { heads: 1, crossAttentionDim: 1, onlyCrossAttention: false };
    const depths = new Array<number>(layers + 1).fill(1);
    return { ...none, down, up: up[i]!, channels, layers, headSize, downDepths: depths, upDepths: depths };
  });
}
