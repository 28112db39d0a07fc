import { selfAttention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { headNorm, modulatedLayerNorm } from "../../graph/norm.ts";
import { type Angles, rotate } from "../../graph/rotary.ts";
import type { Scope } from "../../graph/scope.ts";
import { geluFeedForward } from "./gelu-feed-forward.ts";
import { joined, type Streams, split, tokensOf } from "./joint-streams.ts";
import { addGated, eachToken, lastModulation, modulation, onePlus } from "./modulation.ts";

/** Sizes of a joint block, and what its layers are called where names differ. */
export interface JointBlockOptions {
  heads: number;
  headSize: number;
  /** SiLU of what the modulations are made of, `[1, width]`; or the modulations, where they are made elsewhere. */
  time: Value | Record<keyof Streams, JointVectors>;
  /** Layers that make the modulations, and feed-forward networks. */
  names: Record<keyof Streams, { modulation: string; feed: string }>;
  /** Where tokens have a place in attention: the text's angles first. */
  angles?: Angles;
  /** Tokens of the picture's stream that another time modulates: which, bool `[1, image_tokens, 1]`, and SiLU of what that makes. */
  otherTime?: { time: Value; tokens: Value } | undefined;
  /** Whether heads are normalised. Default true. */
  normsHeads?: boolean;
  /** Whether the picture also attends to itself alone, in a layer of its own (Stable Diffusion 3.5 medium). */
  dual?: boolean;
  /** Whether nothing comes after that looks at the text. */
  last?: boolean;
}

/** How a stream is modulated in a joint block: before and after attention, `[width]` each. */
export type JointVectors = Record<(typeof jointVectors)[number], Value>;

const before = ["attentionShift", "attentionScale", "attentionGate"] as const;
const after = ["shift", "scale", "gate"] as const;
const second = ["secondShift", "secondScale", "secondGate"] as const;
/** Names of a stream's modulations, in the order in which files have them. */
export const jointVectors = [...before, ...after] as const;
type Vectors = JointVectors;

/** What every norm of these blocks adds to a variance. */
const epsilon = 1e-6;

/**
 * A block of MM-DiT (Esser et al. 2024, https://arxiv.org/abs/2403.03206): text and picture, each with weights of its own, attend to each other and
 * are fed forward, all modulated by the time.
 */
export function jointBlock(scope: Scope, streams: Streams, options: JointBlockOptions): Streams {
  const { graph } = scope;
  const { heads, headSize, time, names, angles, otherTime, normsHeads = true, dual = false, last = false } = options;
  const width = heads * headSize;
  const square = { inFeatures: width, outFeatures: width };
  const sizes = { inFeatures: width, features: width };
  const normed = (x: Value, scale: Value, shift: Value) =>
    modulatedLayerNorm(graph, x, { features: width, epsilon, scale: onePlus(graph, scale), shift });
  const normedImage = otherTime === undefined ? normed : eachNormed;
  function eachNormed(x: Value, scale: Value, shift: Value): Value {
    const even = modulatedLayerNorm(graph, x, { features: width, epsilon });
    return graph.node("Add", [graph.node("Mul", [even, onePlus(graph, scale)]), shift]);
  }
  const project = (heed: Scope, layer: string, norm: string | undefined, x: Value) => {
    const projected = linear(heed.in(layer), x, square);
    return norm && normsHeads ? headNorm(heed.in(norm), projected, { heads, headSize, epsilon }) : projected;
  };

  const isMade = typeof time !== "string";
  const own = (of: keyof Streams, vectors: readonly string[], by = time) =>
    typeof by === "string" ? modulation(scope.in(names[of].modulation), by, vectors, sizes) : by[of];
  const imageVectors = (by = time) =>
    own("image", [...jointVectors, ...(dual ? second : [])], by) as Vectors &
      Partial<Record<(typeof second)[number], Value>>;
  const ofImage: ReturnType<typeof imageVectors> =
    otherTime === undefined
      ? imageVectors()
      : eachToken<keyof Vectors>(graph, otherTime.tokens, imageVectors(), imageVectors(otherTime.time));
  // The last block's text is only attended to: two vectors, in the other order.
  const ofText =
    last && !isMade
      ? renamed(lastModulation(scope.in(names.text.modulation.replace(/\.linear$/, "")), time, sizes))
      : (own("text", jointVectors) as Vectors);

  const heed = scope.in("attn");
  const image = normedImage(streams.image, ofImage.attentionScale, ofImage.attentionShift);
  const text = normed(streams.text, ofText.attentionScale, ofText.attentionShift);
  const both = (name: "q" | "k" | "v") => {
    const norms = name === "v" ? [] : [`norm_added_${name}`, `norm_${name}`];
    return joined(graph, {
      text: project(heed, `add_${name}_proj`, norms[0], text),
      image: project(heed, `to_${name}`, norms[1], image),
    });
  };
  const turned = (name: "q" | "k") => {
    const value = both(name);
    return angles ? rotate(graph, value, angles, { heads, pairs: "interleaved" }) : value;
  };
  const attended = selfAttention(graph, { query: turned("q"), key: turned("k"), value: both("v") }, heads);
  const apart = split(graph, attended, tokensOf(graph, streams.text));

  let picture = addGated(graph, streams.image, ofImage.attentionGate, linear(heed.in("to_out.0"), apart.image, square));
  if (dual) {
    const alone = scope.in("attn2");
    const own = normed(streams.image, ofImage.secondScale!, ofImage.secondShift!);
    const inputs = {
      query: project(alone, "to_q", "norm_q", own),
      key: project(alone, "to_k", "norm_k", own),
      value: project(alone, "to_v", undefined, own),
    };
    const output = linear(alone.in("to_out.0"), selfAttention(graph, inputs, heads), square);
    picture = addGated(graph, picture, ofImage.secondGate!, output);
  }
  const fed = (of: keyof Streams, x: Value, { shift, scale, gate }: Pick<Vectors, (typeof after)[number]>) =>
    addGated(
      graph,
      x,
      gate,
      geluFeedForward(scope.in(names[of].feed, "net"), (of === "image" ? normedImage : normed)(x, scale, shift), width),
    );
  if (last) return { text: streams.text, image: fed("image", picture, ofImage) };
  const vectors = ofText as Vectors;
  const words = addGated(graph, streams.text, vectors.attentionGate, linear(heed.in("to_add_out"), apart.text, square));
  return { text: fed("text", words, vectors), image: fed("image", picture, ofImage) };
}

function renamed({ scale, shift }: Record<"scale" | "shift", Value>) {
  return { attentionScale: scale, attentionShift: shift };
}
