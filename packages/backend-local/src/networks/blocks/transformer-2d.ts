import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { groupNorm, layerNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";
import { fromTokens, toTokens } from "../../graph/tokens.ts";
import { type PerturbedAttention, selfAttend } from "./perturbed-attention.ts";

/** Sizes of a transformer over pixels that attends to text. */
export interface Transformer2dOptions {
  channels: number;
  heads: number;
  groups: number;
  /** Transformer blocks. */
  depth: number;
  /** The text, `[batch, tokens, textSize]`. */
  text: Value;
  textSize: number;
  /** The first attention of each block is to the text too. */
  onlyCrossAttention: boolean;
  perturbed?: PerturbedAttention | undefined;
  /** What else than the text an attention looks at: gives what it makes of all, of what it made of the text. */
  beside?: ((path: string, query: Value, ofText: Value) => Value) | undefined;
}

/**
 * Spatial transformer of latent diffusion (Rombach et al. 2022), diffusers' Transformer2DModel on continuous input. Its
 * projections are 1×1 convolutions in SD 1.x files and linear layers in SD 2.x ones: the same product, done on tokens.
 */
export function transformer2d(scope: Scope, input: Value, options: Transformer2dOptions): Value {
  const { graph } = scope;
  const { channels, groups, depth } = options;
  const square = { inFeatures: channels, outFeatures: channels };
  const normed = groupNorm(scope.in("norm"), input, { channels, groups, epsilon: 1e-6 });
  let x = linear(scope.in("proj_in"), toTokens(graph, normed), square);
  for (let i = 0; i < depth; i++) x = transformerBlock(scope.in("transformer_blocks", i), x, options);
  return graph.node("Add", [fromTokens(graph, linear(scope.in("proj_out"), x, square), input), input]);
}

function transformerBlock(scope: Scope, input: Value, options: Transformer2dOptions): Value {
  const { graph } = scope;
  const { channels, onlyCrossAttention } = options;
  const attend = (x: Value, norm: string, name: string, toText: boolean) => {
    const normed = layerNorm(scope.in(norm), x, channels);
    return graph.node("Add", [attentionLayer(scope.in(name), normed, toText, options), x]);
  };
  const first = attend(input, "norm1", "attn1", onlyCrossAttention);
  const second = attend(first, "norm2", "attn2", true);
  return graph.node("Add", [
    feedForward(scope.in("ff", "net"), layerNorm(scope.in("norm3"), second, channels), channels),
    second,
  ]);
}

function attentionLayer(scope: Scope, input: Value, toText: boolean, options: Transformer2dOptions): Value {
  const { channels, heads, text, textSize, perturbed } = options;
  const project = (name: string, x: Value, inFeatures = channels) =>
    linear(scope.in(name), x, { inFeatures, outFeatures: channels, bias: false });
  const attendToText = () => {
    const [query, key] = [project("to_q", input), project("to_k", text, textSize)];
    const ofText = attention(scope.graph, { query, key, value: project("to_v", text, textSize) }, { heads });
    return options.beside ? options.beside(scope.path, query, ofText) : ofText;
  };
  const attended = toText ? attendToText() : selfAttend(scope, input, { project, heads, perturbed });
  return linear(scope.in("to_out.0"), attended, { inFeatures: channels, outFeatures: channels });
}

/** GEGLU (Shazeer 2020) and a projection. The gate and the value are two products over halves of one weight, in place. */
function feedForward(scope: Scope, input: Value, channels: number): Value {
  const { graph } = scope;
  const inner = 4 * channels;
  const half = (rows: readonly [number, number]) =>
    linear(scope.in("0.proj"), input, { inFeatures: channels, outFeatures: 2 * inner, rows });
  const gated = graph.node("Mul", [half([0, inner]), graph.node("Gelu", [half([inner, 2 * inner])])]);
  return linear(scope.in("2"), gated, { inFeatures: inner, outFeatures: channels });
}
