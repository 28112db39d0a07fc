import type { WeightTensor } from "../files/safetensors.ts";

/** Formats that {@link quantizeModel} writes. */
export const quantizeFormats = ["int8_convrot", "int8", "fp8_scaled", "fp8", "q8_0", "q4_0"] as const;
/** `"int8_convrot"`, `"int8"`, `"fp8_scaled"`, `"fp8"`, `"q8_0"` or `"q4_0"`. */
export type QuantizeFormat = (typeof quantizeFormats)[number];

/** Whether a format is GGUF's. */
export function isGgufFormat(format: QuantizeFormat): format is "q8_0" | "q4_0" {
  return format === "q8_0" || format === "q4_0";
}

/** Parts of a checkpoint beside the network that denoises, which stay as they are. */
const beside = /^(first_stage_model|vae|cond_stage_model|conditioner|text_encoders|text_encoder(_2|_3)?)\./;
/** What other programs keep in full as well: embeddings, the first and last layers. */
const sensitive =
  /(^|[._])(time_embed|time_embedding|label_emb|add_embedding|class_embedding|embed\w*|[xt]_embedder|cap_embedder|pos_embed|img_in|txt_in|time_in|vector_in|guidance_in|conv_in|conv_out|proj_out_final|final_layer|token_embedding|position_embedding|token_embd|shared|text_projection|lm_head|relative_attention_bias)([._]|$)/;

/** Whether a tensor is a linear layer's weight of the network that is quantised. */
export function isLinearWeight({ name, shape }: WeightTensor, whole: boolean): boolean {
  if (!name.endsWith(".weight") || shape.length !== 2 || (whole && beside.test(name)) || sensitive.test(name))
    return false;
  return Math.min(...shape) >= 32;
}

/** The largest group of columns, up to ComfyUI's 256, that ConvRot can rotate; undefined where none is worth it. */
export function rotationOf(columns: number): number | undefined {
  return [256, 64, 16].find((size) => columns % size === 0);
}
