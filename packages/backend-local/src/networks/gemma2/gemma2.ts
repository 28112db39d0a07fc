import type { Weights } from "../../files/weights.ts";
import type { NetworkGraph } from "../network-graph.ts";
import { decoderGraph, type Qwen3Options } from "../qwen3/qwen3.ts";
import { gemma2Config } from "./gemma2-config.ts";

/**
 * Gemma 2's decoder as a text encoder (https://arxiv.org/abs/2408.00118), transformers' Gemma2Model, for texts no longer than its window: as Qwen3's
 * ({@link buildQwen3} has the inputs and outputs), with norms around each layer and capped scores.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildGemma2(config: unknown, weights: Weights, options: Qwen3Options = {}): NetworkGraph {
  const spec = gemma2Config(config);
  const { attention_bias: bias, hidden_size: width, query_pre_attn_scalar: scalar } = spec;
  const gemma = {
    embeddingScale: Math.sqrt(width),
    scale: 1 / Math.sqrt(scalar),
    cap: spec.attn_logit_softcapping,
  };
  const sizes = { ...spec, normsHeads: false, biases: { inputs: bias, output: bias }, gemma };
  return decoderGraph("Gemma2Model", sizes, weights, options);
}
