import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { downsample, upsample } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { cropRows, normaliseBy, outputMoments, outputStripe, stripe } from "../../graph/stripes.ts";
import { type BuildOptions, type NetworkGraph, networkGraph, withoutArena } from "../network-graph.ts";
import { autoencoderKLConfig } from "./autoencoder-kl-config.ts";
import type { DownLayer, EnterLayer, HeadLayer, ResnetLayer } from "./stripe-layers.ts";

/**
 * What is done to a stripe between two group normalisations, whose moments have to be the whole picture's. A residual block has two of
 * them: its `first` half ends before the second, its `second` half begins there, with the first's result as input `h`; `both` does the first again
 * rather than keep it. `enter` is what comes before a block, by itself or on the way into it.
 */
export type Stage =
  | { part: "enter"; enter: EnterLayer }
  | { part: "first" | "both"; enter?: EnterLayer | undefined; resnet: ResnetLayer }
  | { part: "second"; resnet: ResnetLayer }
  | { part: "down"; down: DownLayer }
  | { part: "head"; head: HeadLayer };

/** A name for a stage's graph. */
export function stageName(stage: Stage): string {
  const { part } = stage;
  const enter = "enter" in stage && stage.enter ? `${stage.enter.path} ` : "";
  const layer =
    "resnet" in stage ? stage.resnet : "down" in stage ? stage.down : "head" in stage ? stage.head : undefined;
  return `${part} ${enter}${layer?.path ?? ""}`;
}

/**
 * The graph of a stage: input `x`, a stripe `[rows, channels, width]` with as many rows beyond as the stage reaches, output `rows`, and the
 * `mean` and `squares` of each of its channels.
 */
export function buildStage(config: unknown, weights: Weights, stage: Stage, options: BuildOptions = {}): NetworkGraph {
  const { act_fn } = autoencoderKLConfig(config);
  const graph = new GraphBuilder(`AutoencoderKL, stripes: ${stageName(stage)}`);
  const root = new Scope(graph, weights, options.adapter);
  const [y, channels] = stageOutput(root, stage, act_fn);
  outputStripe(graph, y, channels);
  if (stage.part !== "head") outputMoments(graph, y, channels);
  return withoutArena(networkGraph(graph));
}

type ActivationName = Parameters<typeof activate>[1];

function stageOutput(root: Scope, stage: Stage, activation: ActivationName): [y: Value, channels: number] {
  const { graph } = root;
  if (stage.part === "down") {
    const { path, from, to } = stage.down;
    return [downsample(root.in(path), stripe(graph, "x", from), from, 0), to];
  }
  if (stage.part === "head") {
    const { path, from, to } = stage.head;
    const scope = root.in(path);
    const normed = normaliseBy(scope.in("conv_norm_out"), stripe(graph, "x", from), "norm", from);
    const y = conv(scope.in("conv_out"), activate(graph, "silu", normed), { inChannels: from, outChannels: to });
    return [cropRows(graph, y, "x"), to];
  }
  if (stage.part === "enter") {
    const { from, to } = stage.enter;
    return [cropRows(graph, entered(root, stripe(graph, "x", from), stage.enter), "x"), to];
  }
  return [resnetPart(root, stage, activation), stage.resnet.to];
}

function entered(root: Scope, x: Value, { how, path, from, to }: EnterLayer): Value {
  if (how === "upsample") return upsample(root.in(path), x, from);
  return conv(root.in(path), x, { inChannels: from, outChannels: to });
}

function resnetPart(root: Scope, stage: Extract<Stage, { resnet: ResnetLayer }>, activation: ActivationName): Value {
  const { graph } = root;
  const { path, from, to } = stage.resnet;
  const scope = root.in(path);
  const enter = "enter" in stage ? stage.enter : undefined;
  const given = stripe(graph, "x", enter?.from ?? from);
  const x = enter ? entered(root, given, enter) : given;
  const first = () => {
    const active = activate(graph, activation, normaliseBy(scope.in("norm1"), x, "norm", from));
    return conv(scope.in("conv1"), active, { inChannels: from, outChannels: to });
  };
  if (stage.part === "first") return cropRows(graph, first(), "x");
  const second = (h: Value) => {
    const active = activate(graph, activation, normaliseBy(scope.in("norm2"), h, "norm2", to));
    return conv(scope.in("conv2"), active, { inChannels: to, outChannels: to });
  };
  const projection = { inChannels: from, outChannels: to, kernel: 1 };
  const shortcut = from === to ? x : conv(scope.in("conv_shortcut"), x, projection);
  if (stage.part === "both") return cropRows(graph, graph.node("Add", [shortcut, second(first())]), "x");
  const rest = cropRows(graph, second(stripe(graph, "h", to)), "h");
  return graph.node("Add", [cropRows(graph, shortcut, "x"), rest]);
}
