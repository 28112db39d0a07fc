import { type Activation, activate } from "../../graph/activation.ts";
import { attention, selfAttention } from "../../graph/attention.ts";
import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { type Angles, rotate } from "../../graph/rotary.ts";
import type { Scope } from "../../graph/scope.ts";

/** Sizes of the patches that a vision transformer's tokens are made of. */
export interface PatchSizes {
  in_channels: number;
  temporal_patch_size: number;
  patch_size: number;
  hidden_size: number;
}

/** How many numbers a patch has: channels, moments, rows, columns. */
export function patchNumbers({ in_channels, temporal_patch_size, patch_size }: PatchSizes): number {
  return in_channels * temporal_patch_size * patch_size ** 2;
}

/** Where the files of a model that sees pictures have what sees them. */
export function visionScope(root: Scope): Scope {
  return root.in(
    ["model.visual", "visual"].find((place) => root.in(place, "patch_embed.proj").has("weight")) ?? "visual",
  );
}

/** Patches `[1, tokens, numbers]`, each projected: a convolution whose steps are as long as its kernel. */
export function patchEmbed(scope: Scope, patches: Value, sizes: PatchSizes, bias: boolean): Value {
  const { graph } = scope;
  const { in_channels, temporal_patch_size: moments, patch_size: side, hidden_size: width } = sizes;
  const kernel = [width, in_channels, moments, side, side];
  const weight = scope.weight("weight", kernel, { as: [width, patchNumbers(sizes)] });
  const attributes = { transB: { int: 1 } };
  const product = graph.node("FusedMatMul", [patches, weight], { domain: "com.microsoft", attributes });
  return bias ? graph.node("Add", [product, scope.weight("bias", [width])]) : product;
}

/** Windows of neighbouring tokens, filled up to one size. */
export interface Windows {
  /** The tokens of each, int32 `[windows, size]`. */
  places: Value;
  /** What each may look at, bool `[windows, 1, size, size]`. */
  mask: Value;
  /** The place of each token in them, int32 `[1, tokens]`. */
  back: Value;
}

/** What a vision transformer's attention is done over. */
export interface VisionAttentionOptions {
  heads: number;
  width: number;
  angles: Angles;
  /** Default: all tokens look at each other. */
  windows?: Windows | undefined;
}

/** Attention of a picture's tokens `[1, tokens, width]` to each other, queries, keys and values made by one layer `qkv`. */
export function visionAttention(
  scope: Scope,
  x: Value,
  { heads, width, angles, windows }: VisionAttentionOptions,
): Value {
  const { graph } = scope;
  const part = (i: number) =>
    linear(scope.in("qkv"), x, { inFeatures: width, outFeatures: 3 * width, rows: [i * width, (i + 1) * width] });
  const turned = (i: number) => rotate(graph, part(i), angles, { heads, pairs: "halves" });
  const inputs = { query: turned(0), key: turned(1), value: part(2) };
  const attended =
    windows === undefined ? selfAttention(graph, inputs, heads) : inWindows(graph, inputs, windows, heads, width);
  return linear(scope.in("proj"), attended, { inFeatures: width, outFeatures: width });
}

function inWindows(
  graph: GraphBuilder,
  { query, key, value }: Record<"query" | "key" | "value", Value>,
  { places, mask, back }: Windows,
  heads: number,
  width: number,
): Value {
  const flat = (of: Value) => graph.node("Reshape", [of, graph.ints([-1, width])]);
  const apart = (of: Value) => graph.node("Gather", [flat(of), places]);
  const attended = attention(graph, { query: apart(query), key: apart(key), value: apart(value) }, { heads, mask });
  return graph.node("Gather", [flat(attended), back]);
}

/** Sizes of what makes one token of several. */
export interface MergerOptions {
  /** Of a token. */
  width: number;
  /** How many there are in one. */
  merged: number;
  outFeatures: number;
  /** The two layers. */
  names: readonly [string, string];
}

/** Tokens that follow each other joined, and fed forward: `[1, tokens, width]` to `[1, tokens / merged, outFeatures]`. */
export function mergeTokens(scope: Scope, x: Value, { width, merged, outFeatures, names }: MergerOptions): Value {
  const { graph } = scope;
  const inFeatures = width * merged;
  const joined = graph.node("Reshape", [x, graph.ints([1, -1, inFeatures])]);
  return twoLayers(scope, joined, { inFeatures, inner: inFeatures, outFeatures, names, activation: "gelu" });
}

/** Sizes of two layers. */
export interface TwoLayersOptions {
  inFeatures: number;
  inner: number;
  outFeatures: number;
  names: readonly [string, string];
  /** What stands between them. */
  activation: Activation;
}

/** Two layers with an activation between them. */
export function twoLayers(
  scope: Scope,
  x: Value,
  { inFeatures, inner, outFeatures, names, activation }: TwoLayersOptions,
): Value {
  const wide = linear(scope.in(names[0]), x, { inFeatures, outFeatures: inner });
  return linear(scope.in(names[1]), activate(scope.graph, activation, wide), { inFeatures: inner, outFeatures });
}
