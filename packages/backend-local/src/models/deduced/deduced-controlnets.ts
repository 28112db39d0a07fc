import { readTensor } from "../../files/read-tensor.ts";
import type { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";
import { deducedFlux1, deducedQwenImage, deducedSD3 } from "./deduced-transformers.ts";

/** Whether tensors are those of a ControlNet that steers a transformer, and is known here. */
export function isTransformerNet(names: TensorNames): boolean {
  return isZImage(names) || isQwenImage(names) || isFlux1(names) || isSD3(names);
}

/** The config.json that such a ControlNet's tensors imply; undefined of any other network. */
export async function deducedTransformerNet(weights: Weights, names: TensorNames) {
  if (isZImage(names)) return { kind: "z-image-controlnet" as const, config: await deducedZImageNet(weights, names) };
  const shown = names.shape("controlnet_x_embedder.weight")[1] ?? 0;
  if (isQwenImage(names)) {
    const { zero_cond_t: _, ...config } = deducedQwenImage(weights);
    const extra = shown - (config.in_channels as number);
    const own = { _class_name: "QwenImageControlNetModel", out_channels: 16, extra_condition_channels: extra };
    return { kind: "qwen-image-controlnet" as const, config: { ...config, ...own } };
  }
  if (isSD3(names)) {
    const extra = (names.shape("pos_embed_input.proj.weight")[1] ?? 0) - 16;
    const own = { _class_name: "SD3ControlNetModel", out_channels: 16, extra_conditioning_channels: extra };
    return { kind: "sd3-controlnet" as const, config: { ...deducedSD3(weights), in_channels: 16, ...own } };
  }
  if (!isFlux1(names)) return undefined;
  const { out_channels: _, ...config } = deducedFlux1(weights);
  const [kinds] = names.shape("controlnet_mode_embedder.weight");
  const own = {
    _class_name: "FluxControlNetModel",
    num_mode: kinds ?? null,
    extra_condition_channels: shown - (config.in_channels as number),
    conditioning_embedding_channels: names.has("input_hint_block") ? 3 : null,
  };
  return { kind: "flux-controlnet" as const, config: { ...config, ...own } };
}

const blocks = "transformer_blocks.0";
const isZImage = (names: TensorNames) => names.has("control_all_x_embedder.2-1") && names.has("control_layers.0");
const isQwenImage = (names: TensorNames) => names.has("controlnet_x_embedder") && names.has(`${blocks}.txt_mod`);
const isFlux1 = (names: TensorNames) => names.has("controlnet_x_embedder") && names.has(`${blocks}.norm1_context`);

/** Stability's of 3.5 have blocks of one stream. */
const isSD3 = (names: TensorNames) => names.has("pos_embed_input") && names.has(`${blocks}.attn.add_q_proj`);

/** How many layers there are tells which of the transformer's they steer: see transformerNets. */
async function deducedZImageNet(weights: Weights, names: TensorNames): Promise<Record<string, unknown>> {
  const [dim = 1, patch = 1] = names.shape("control_all_x_embedder.2-1.weight");
  const [headSize = 128] = names.shape("control_layers.0.attention.norm_q.weight");
  const channels = patch / 4;
  return {
    _class_name: "ZImageControlNetModel",
    control_in_dim: channels,
    control_layers_places: Array.from({ length: names.count("control_layers") }, (_, i) => i),
    add_control_noise_refiner: await refinedBy(weights, channels),
    dim,
    n_heads: dim / headSize,
    qk_norm: names.has("control_layers.0.attention.norm_q"),
  };
}

/** Of 2.0 the layers that should refine were published as zeros, and never run: those that come later did it. */
async function refinedBy(weights: Weights, channels: number): Promise<string | null> {
  // The first version was shown the control alone.
  if (channels <= 16) return null;
  const first = weights.find("control_noise_refiner.0.before_proj.weight");
  const acts = first !== undefined && (await readTensor(first)).some((value) => value !== 0);
  return acts ? "control_noise_refiner" : "control_layers";
}
