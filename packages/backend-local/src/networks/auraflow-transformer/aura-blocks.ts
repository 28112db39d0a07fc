import { selfAttention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm, type rmsNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { type JointVectors, jointVectors } from "../blocks/joint-block.ts";
import { joined, type Streams, split, tokensOf } from "../blocks/joint-streams.ts";
import { addGated, modulation, onePlus } from "../blocks/modulation.ts";

/** Sizes of a block. */
export interface AuraBlockOptions {
  heads: number;
  headSize: number;
  /** SiLU of what the modulations are made of, `[1, width]`. */
  time: Value;
}

/** What every norm of these blocks adds to a variance. */
const epsilon = 1e-5;

const feedNames = { gate: "linear_1", value: "linear_2", out: "out_projection" };

/** Layers of a stream: what modulates it, its feed-forward, and its part of the attention. */
interface StreamNames {
  norm: string;
  feed: string;
  query: string;
  key: string;
  value: string;
  out: string;
}

const imageNames: StreamNames = {
  ...{ norm: "norm1.linear", feed: "ff" },
  ...{ query: "to_q", key: "to_k", value: "to_v", out: "to_out.0" },
};
const textNames: StreamNames = {
  ...{ norm: "norm1_context.linear", feed: "ff_context" },
  ...{ query: "add_q_proj", key: "add_k_proj", value: "add_v_proj", out: "to_add_out" },
};

/** A block of two streams, each with weights of its own, that attend to each other. */
export function jointAuraBlock(scope: Scope, streams: Streams, options: AuraBlockOptions): Streams {
  const { graph } = scope;
  const text = stream(scope, streams.text, textNames, options);
  const image = stream(scope, streams.image, imageNames, options);
  const both = (of: "query" | "key" | "value") => joined(graph, { text: text[of], image: image[of] });
  const inputs = { query: both("query"), key: both("key"), value: both("value") };
  const apart = split(graph, selfAttention(graph, inputs, options.heads), tokensOf(graph, streams.text));
  return { text: text.after(apart.text), image: image.after(apart.image) };
}

/** A block of one stream. */
export function singleAuraBlock(scope: Scope, x: Value, options: AuraBlockOptions): Value {
  const { after, ...inputs } = stream(scope, x, imageNames, options);
  return after(selfAttention(scope.graph, inputs, options.heads));
}

/** What a stream gives to an attention, and what becomes of it after: its feed-forward sees what was attended to, and alone is added to it. */
function stream(scope: Scope, x: Value, names: StreamNames, { heads, headSize, time }: AuraBlockOptions) {
  const { graph } = scope;
  const width = heads * headSize;
  const square = { inFeatures: width, outFeatures: width, bias: false };
  const sizes = { inFeatures: width, features: width, bias: false };
  const vectors: JointVectors = modulation(scope.in(names.norm), time, jointVectors, sizes);
  const normed = (value: Value, scale: Value, shift: Value) =>
    modulatedLayerNorm(graph, value, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const heed = scope.in("attn");
  const before = normed(x, vectors.attentionScale, vectors.attentionShift);
  const project = (layer: string) => linear(heed.in(layer), before, square);
  const ofHeads = (layer: string) => headNorm(heed, project(layer), { heads, headSize, epsilon }, plainNorm);
  return {
    query: ofHeads(names.query),
    key: ofHeads(names.key),
    value: project(names.value),
    after(attended: Value): Value {
      const heeded = addGated(graph, x, vectors.attentionGate, linear(heed.in(names.out), attended, square));
      const fed = gatedFeedForward(scope.in(names.feed), normed(heeded, vectors.scale, vectors.shift), {
        ...{ features: width, inner: innerSize(width), names: feedNames },
      });
      return addGated(graph, x, vectors.gate, fed);
    },
  };
}

/** A layer norm without weights. */
const plainNorm: typeof rmsNorm = ({ graph }, input, features) =>
  modulatedLayerNorm(graph, input, { features, epsilon });

/** Two thirds of four times the width, up to a multiple of 256. */
function innerSize(width: number): number {
  return 256 * Math.ceil(Math.floor((8 * width) / 3) / 256);
}
