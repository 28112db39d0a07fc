import type { Weights } from "../../files/weights.ts";
import type { NetworkGraph } from "../network-graph.ts";
import { decoderGraph, type Qwen3Options } from "../qwen3/qwen3.ts";
import { qwen3VLConfig } from "./qwen3-vl-config.ts";

/**
 * Qwen3-VL's text model as a text encoder (https://arxiv.org/abs/2511.21631): Qwen3's decoder ({@link buildQwen3} has the inputs and outputs)
 * with a rotary base of its own. The angles that it is fed are of one axis for texts alone.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwen3VL(config: unknown, weights: Weights, options: Qwen3Options = {}): NetworkGraph {
  const { attention_bias: bias, ...sizes } = qwen3VLConfig(config);
  const spec = { ...sizes, normsHeads: true, biases: { inputs: bias, output: bias } };
  return decoderGraph("Qwen3VLTextModel", spec, weights, options);
}
