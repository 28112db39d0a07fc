import type { Weights } from "../../files/weights.ts";
import type { NetworkGraph } from "../network-graph.ts";
import { decoderGraph, type Qwen3Options } from "../qwen3/qwen3.ts";
import { qwen25VLConfig } from "./qwen2-5-vl-config.ts";

/**
 * Qwen2.5-VL's text model as a text encoder (https://arxiv.org/abs/2502.13923), for texts alone: as Qwen3's ({@link buildQwen3} has the inputs and
 * outputs), with biases on queries, keys and values, and heads that are not normalised.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwen25VL(config: unknown, weights: Weights, options: Qwen3Options = {}): NetworkGraph {
  const spec = { ...qwen25VLConfig(config), normsHeads: false, biases: { inputs: true, output: false } };
  return decoderGraph("Qwen2_5_VLTextModel", spec, weights, options);
}
