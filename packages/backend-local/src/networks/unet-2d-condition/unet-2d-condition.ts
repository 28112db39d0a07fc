import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { attention } from "../../graph/attention.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { groupNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { PerturbedAttention } from "../blocks/perturbed-attention.ts";
import { controlOutputs } from "../controlnet/controlnet.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { featureOutputs } from "../t2i-adapter/t2i-adapter.ts";
import { crossAttentions, imagePromptInputs } from "./cross-attentions.ts";
import { downBlock, type Features, midBlock, type UNetContext, upBlock } from "./unet-2d-blocks.ts";
import { type UNetConfig, unetConfig } from "./unet-2d-condition-config.ts";
import { unetEmbedding } from "./unet-embeddings.ts";

/** Options of a UNet's graph. */
export interface UNetOptions extends BuildOptions {
  /** Self-attentions that a sample's second pass has the identity for, by the names of {@link selfAttentions}. */
  perturbedLayers?: readonly string[];
  /** Whether a ControlNet's outputs are inputs, and added: see {@link controlOutputs}. Each may be one number, for none. */
  controlled?: boolean;
  /** How many of a T2I-Adapter's outputs are inputs, and added: see {@link featureOutputs}. */
  features?: number;
  /** How many pictures are prompts: attentions look at their inputs ({@link imagePromptInputs}) too, as much as `ip.<n>.gate.<level>` says. */
  imagePrompts?: number;
}

/**
 * The denoising network of latent diffusion (Rombach et al. 2022), as diffusers' UNet2DConditionModel.
 *
 * Inputs: `sample` `[batch, in_channels, height, width]`; `timestep` float32 `[1]` or `[batch]`;
 * `encoder_hidden_states` `[batch, tokens, cross_attention_dim]` (or `encoder_hid_dim`); and where the configuration has
 * them `class_labels`, `timestep_cond` `[batch, time_cond_proj_dim]`, `text_embeds` `[batch, pooled]` with `time_ids`
 * `[batch, ids]`. Output: `out_sample` `[batch, out_channels, height, width]`. Any height and width work.
 *
 * With `perturbedLayers` (names of {@link selfAttentions}) there is an input `perturbed`, and `out_sample` has that many rows
 * more: see {@link PerturbedAttention}.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildUNet(config: unknown, weights: Weights, options: UNetOptions = {}): NetworkGraph {
  const spec = unetConfig(config);
  const graph = new GraphBuilder("UNet2DConditionModel");
  const root = new Scope(graph, weights, options.adapter);
  const { norm_num_groups: groups, norm_eps: epsilon, act_fn: activation } = spec;

  const sample = graph.input("sample", "float32", ["batch", spec.in_channels, "height", "width"]);
  const embedding = unetEmbedding(root, spec);
  const text = textInput(root, spec);
  const time = {
    // Every block activates it first, so it is done once.
    value: activate(graph, activation, embedding.value),
    channels: embedding.channels,
    scaleShift: spec.resnet_time_scale_shift === "scale_shift",
  };
  const { perturbedLayers } = options;
  const perturbed = perturbedLayers && { perturbed: new PerturbedAttention(graph, sample, perturbedLayers) };
  const context: UNetContext = {
    config: spec,
    style: { groups, epsilon, activation, time },
    text,
    grown: false,
    ...perturbed,
    ...(options.imagePrompts ? { beside: imagePromptAttention(graph, spec, options.imagePrompts, () => context) } : {}),
  };

  let x = firstConv(root, sample, spec);
  const features = featureOutputs(options.features ?? 0).map((name) => anyShape(graph, name));
  let kept = [x];
  for (const [i, level] of spec.levels.entries()) {
    const isLast = i === spec.levels.length - 1;
    kept.push(...downBlock(root.in("down_blocks", i), x, level, isLast, context, features[i]));
    x = kept.at(-1)!;
  }
  const names = controlOutputs(kept.length);
  const controlled = (to: Features, name: string): Features => {
    if (!options.controlled) return to;
    const added = anyShape(graph, name);
    return { ...to, value: graph.node("Add", [to.value, to.grown ? context.perturbed!.grow(added) : added]) };
  };
  kept = kept.map((each, i) => controlled(each, names[i]!));
  if (spec.mid_block_type !== null) x = midBlock(root.in("mid_block"), x, spec, context);
  const last = features[spec.levels.length];
  if (last !== undefined) x = { ...x, value: graph.node("Add", [x.value, last]) };
  x = controlled({ ...x, grown: context.grown }, names.at(-1)!);
  for (const [i, level] of spec.levels.toReversed().entries()) {
    x = upBlock(root.in("up_blocks", i), x, kept, level, i === spec.levels.length - 1, context);
  }

  const normed = groupNorm(root.in("conv_norm_out"), x.value, { channels: x.channels, groups, epsilon });
  const sizes = { inChannels: x.channels, outChannels: spec.out_channels, kernel: spec.conv_out_kernel };
  const output = conv(root.in("conv_out"), activate(graph, activation, normed), sizes);
  graph.output(output, "out_sample", "float32", [perturbed ? "passes" : "batch", spec.out_channels, "height", "width"]);
  return networkGraph(graph);
}

/**
 * IP-Adapters' attention beside that to the text (Ye et al. 2023, https://arxiv.org/abs/2308.06721), with the same queries.
 */
function imagePromptAttention(
  graph: GraphBuilder,
  spec: UNetConfig,
  count: number,
  context: () => UNetContext,
): NonNullable<UNetContext["beside"]> {
  const all = crossAttentions(spec);
  const gates = new Map<string, Value>();
  const gate = (name: string) => {
    const known = gates.get(name) ?? graph.input(name, "float32", [1, `${name}.tokens`, 1]);
    gates.set(name, known);
    return known;
  };
  return (path, heads, query, ofText) => {
    const i = all.findIndex(({ name }) => name === path);
    if (i < 0) return ofText;
    const { channels, level } = all[i]!;
    const { grown, perturbed } = context();
    let sum = ofText;
    for (let group = 0; group < count; group++) {
      const [key, value] = imagePromptInputs(group, i).map((name) => {
        const input = graph.input(name, "float32", ["batch", `ip.${group}.tokens`, channels]);
        return grown ? perturbed!.grow(input) : input;
      }) as [Value, Value];
      const seen = attention(graph, { query, key, value }, { heads });
      sum = graph.node("Add", [sum, graph.node("Mul", [seen, gate(`ip.${group}.gate.${level}`)])]);
    }
    return sum;
  };
}

function anyShape(graph: GraphBuilder, name: string): Value {
  return graph.input(
    name,
    "float32",
    ["a", "b", "c", "d"].map((side) => `${name}.${side}`),
  );
}

function firstConv(root: Scope, sample: Value, spec: UNetConfig): Features {
  const { graph } = root;
  const centred = (x: Value) => graph.node("Sub", [graph.node("Mul", [x, graph.floats(2)]), graph.floats(1)]);
  const channels = spec.levels[0]!.channels;
  const sizes = { inChannels: spec.in_channels, outChannels: channels, kernel: spec.conv_in_kernel };
  return { value: conv(root.in("conv_in"), spec.center_input_sample ? centred(sample) : sample, sizes), channels };
}

function textInput(root: Scope, spec: UNetConfig): Value {
  const outFeatures = spec.levels[0]!.crossAttentionDim;
  const inFeatures = spec.encoder_hid_dim ?? outFeatures;
  const text = root.graph.input("encoder_hidden_states", "float32", ["batch", "tokens", inFeatures]);
  return spec.encoder_hid_dim == null ? text : linear(root.in("encoder_hid_proj"), text, { inFeatures, outFeatures });
}
