import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/** Channels of an attention's head, in every CLIP text encoder that diffusion models use. */
const headSize = 64;

/** What shapes don't tell. */
export interface TextUse {
  /** OpenAI's CLIP has quick_gelu, OpenCLIP's encoders gelu. */
  hidden_act: "quick_gelu" | "gelu";
  /** Whether its projected text is used. */
  projected?: boolean;
}

/**
 * The config.json that the names and shapes of a CLIP text encoder's tensors imply. Without {@link TextUse} it is taken for
 * OpenAI's where it is 768 wide and for OpenCLIP's else, as published, and used as it is stored.
 */
export function deducedText(weights: Weights, use?: TextUse): Record<string, unknown> {
  const names = new TensorNames(weights);
  const model = names.has("text_model") ? "text_model." : "";
  const [vocabulary, width = 0] = names.shape(`${model}embeddings.token_embedding.weight`);
  const [projection] = names.shape("text_projection.weight");
  const { hidden_act = width === 768 ? "quick_gelu" : "gelu", projected = projection !== undefined } = use ?? {};
  return {
    architectures: [projected ? "CLIPTextModelWithProjection" : "CLIPTextModel"],
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: names.shape(`${model}encoder.layers.0.mlp.fc1.weight`)[0],
    max_position_embeddings: names.shape(`${model}embeddings.position_embedding.weight`)[0],
    num_hidden_layers: names.count(`${model}encoder.layers`),
    num_attention_heads: Math.max(1, width / headSize),
    hidden_act,
    layer_norm_eps: 1e-5,
    bos_token_id: 49406,
    eos_token_id: 49407,
    ...(projection === undefined ? {} : { projection_dim: projection }),
  };
}
