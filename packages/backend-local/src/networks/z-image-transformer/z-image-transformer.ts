import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { modulatedLayerNorm, rmsNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { timestepEmbedding } from "../../graph/timestep-embedding.ts";
import { inOneSequence } from "../blocks/joint-streams.ts";
import { modulation, onePlus } from "../blocks/modulation.ts";
import { type ResidualPlaces, residualInputs } from "../blocks/residuals.ts";
import { sandwichBlock, sandwichVectors } from "../blocks/sandwich-block.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type ZImageConfig, zImageConfig } from "./z-image-transformer-config.ts";

/** Sizes that are the class's own. */
const [timeSize, timeInner] = [256, 1024];

/**
 * Z-Image's single-stream transformer (https://arxiv.org/abs/2511.22699), diffusers' ZImageTransformer2DModel: picture and text are
 * refined apart, and then attend to each other as one sequence, the picture's tokens first.
 *
 * Inputs: `image` `[1, image_tokens, 4·in_channels]`, blocks of 2×2 as row, column, channel; `image_padding` bool
 * `[1, image_tokens, 1]`, true for tokens that only fill up; `image_cos`, `image_sin` `[image_tokens, head / 2]`; the same of `text`,
 * `[1, text_tokens, cap_feat_dim]`; `timestep` float32 `[1]`, already scaled. Output: `velocity` `[1, image_tokens, 4·in_channels]`, of the
 * flow from noise to picture.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildZImageTransformer(config: unknown, weights: Weights, options: ZImageOptions = {}): NetworkGraph {
  const spec = zImageConfig(config);
  const { dim } = spec;
  const graph = new GraphBuilder("ZImageTransformer2DModel");
  const root = new Scope(graph, weights, options.adapter);
  const stage = zImageStage(root, spec);
  const added = residualInputs(graph, zImageList, options.residuals?.[0]);
  const picture = stage.refined(stage.picture);

  let x = inOneSequence(graph, [picture, stage.caption]);
  for (let i = 0; i < spec.n_layers; i++) x = added(stage.block(root.in("layers", i), x, stage.angles), i);
  const imageTokens = graph.node("Shape", [stage.image], { attributes: { start: { int: 1 }, end: { int: 2 } } });
  const ofPicture = graph.node("Slice", [x, graph.ints([0]), imageTokens, graph.ints([1])]);

  const last = root.in("all_final_layer.2-1");
  const active = activate(graph, "silu", stage.time);
  const sizes = { inFeatures: Math.min(dim, timeSize), features: dim };
  const { scale } = modulation(last.in("adaLN_modulation.1"), active, ["scale"], sizes);
  const even = modulatedLayerNorm(graph, ofPicture, { features: dim, epsilon: 1e-6, scale: onePlus(graph, scale) });
  const patch = 4 * spec.in_channels;
  const output = linear(last.in("linear"), even, { inFeatures: dim, outFeatures: patch });
  graph.output(output, "velocity", "float32", [1, "image_tokens", patch]);
  return networkGraph(graph);
}

/** What the transformer may be built otherwise in. */
export interface ZImageOptions extends BuildOptions {
  /** Of ControlNets: beside its layers, on the tokens of picture and text. */
  residuals?: readonly ResidualPlaces[];
}

/** The list of blocks that ControlNets add to. */
export const zImageList = "layer";

/** What the layers are run over: the picture's tokens, the text's refined ones, and what both are modulated and placed by. */
export function zImageStage(root: Scope, spec: ZImageConfig) {
  const { graph } = root;
  const { dim, in_channels: channels, cap_feat_dim: textSize, norm_eps: epsilon } = spec;
  const headSize = dim / spec.n_heads;
  const patch = 4 * channels;

  const image = graph.input("image", "float32", [1, "image_tokens", patch]);
  const imagePadding = graph.input("image_padding", "bool", [1, "image_tokens", 1]);
  const imageAngles = angleInputs(graph, "image_", headSize);
  const text = graph.input("text", "float32", [1, "text_tokens", textSize]);
  const textPadding = graph.input("text_padding", "bool", [1, "text_tokens", 1]);
  const textAngles = angleInputs(graph, "text_", headSize);
  const time = timeVector(root.in("t_embedder", "mlp"), spec);

  const block = (scope: Scope, x: Value, angles: Angles, modulated = true) =>
    zImageBlock(scope, x, { spec, angles, ...(modulated ? { time } : {}) });
  const filled = (name: string, tokens: Value, padding: Value) =>
    graph.node("Where", [padding, root.weight(name, [1, dim]), tokens]);

  const patches = linear(root.in("all_x_embedder.2-1"), image, { inFeatures: patch, outFeatures: dim });
  const normed = rmsNorm(root.in("cap_embedder.0"), text, textSize, epsilon);
  const words = linear(root.in("cap_embedder.1"), normed, { inFeatures: textSize, outFeatures: dim });
  let caption = filled("cap_pad_token", words, textPadding);
  for (let i = 0; i < spec.n_refiner_layers; i++)
    caption = block(root.in("context_refiner", i), caption, textAngles, false);
  return {
    image,
    imageAngles,
    /** Of picture and text. */
    angles: joinAngles(graph, imageAngles, textAngles),
    time,
    block,
    caption,
    /** A picture's tokens, of whichever kind, with what stands for padding. */
    asPicture: (tokens: Value) => filled("x_pad_token", tokens, imagePadding),
    picture: filled("x_pad_token", patches, imagePadding),
    /** The picture's tokens refined, `after` each layer with what is added to them. */
    refined(tokens: Value, after = (x: Value, _layer: number): Value => x): Value {
      let x = tokens;
      for (let i = 0; i < spec.n_refiner_layers; i++) x = after(block(root.in("noise_refiner", i), x, imageAngles), i);
      return x;
    },
  };
}

/** What all modulations are made of: `[1, min(dim, 256)]`. */
function timeVector(scope: Scope, { dim }: ZImageConfig): Value {
  const { graph } = scope;
  const timestep = graph.input("timestep", "float32", [1]);
  const waves = timestepEmbedding(graph, timestep, { dimension: timeSize, flipSinToCos: true, freqShift: 0 });
  const wide = linear(scope.in(0), waves, { inFeatures: timeSize, outFeatures: timeInner });
  const outFeatures = Math.min(dim, timeSize);
  return linear(scope.in(2), activate(graph, "silu", wide), { inFeatures: timeInner, outFeatures });
}

interface BlockInputs {
  spec: Pick<ZImageConfig, "dim" | "n_heads" | "norm_eps" | "qk_norm">;
  angles: Angles;
  /** Not where nothing is modulated. */
  time?: Value;
}

const names = {
  attention: "attention",
  attentionNorms: ["attention_norm1", "attention_norm2"],
  feedNorms: ["ffn_norm1", "ffn_norm2"],
  feed: { gate: "w1", value: "w3", out: "w2" },
} as const;

/** A layer; not modulated where no time is given. */
export function zImageBlock(scope: Scope, x: Value, { spec, angles, time }: BlockInputs): Value {
  const { dim, n_heads: heads, norm_eps: epsilon, qk_norm: normsHeads } = spec;
  const sizes = { inFeatures: Math.min(dim, timeSize), features: dim };
  const vectors = time && modulation(scope.in("adaLN_modulation.0"), time, sandwichVectors, sizes);
  const inner = Math.trunc((dim / 3) * 8);
  return sandwichBlock(scope, x, {
    width: dim,
    inner,
    heads,
    kvHeads: heads,
    epsilon,
    normsHeads,
    angles,
    names,
    vectors,
  });
}
