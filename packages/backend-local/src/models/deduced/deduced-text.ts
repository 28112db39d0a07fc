import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";
import type { RecognisedPart } from "../recognised-model.ts";

/** Widths of OpenCLIP's text encoders that models have: Stable Diffusion 2's and XL's second. */
const openClipWidths = [1024, 1280];

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
 * OpenCLIP's where it is as wide as those that are published and for OpenAI's else, and used as it is stored: a file of CLIP-L's, as it
 * is published for Stable Diffusion 3, has no projection, and what is pooled counts (as in ComfyUI, and in diffusers' reading of single files).
 */
export function deducedText(weights: Weights, use?: TextUse): Record<string, unknown> {
  const names = new TensorNames(weights);
  const model = names.has("text_model") ? "text_model." : "";
  const [vocabulary, width = 0] = names.shape(`${model}embeddings.token_embedding.weight`);
  const [projection] = names.shape("text_projection.weight");
  const published = openClipWidths.includes(width) ? "gelu" : "quick_gelu";
  const { hidden_act = published, projected = projection !== undefined } = use ?? {};
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
    ...(use === undefined && !projected ? { unprojected: true, projection_dim: width } : {}),
  };
}

/** A text encoder in its place: where a model has two CLIPs the second is OpenCLIP's, unless it is as wide as CLIP-L. */
export function inPlace(part: string, network: RecognisedPart): RecognisedPart {
  const { config } = network;
  const isSecond = part === "textEncoder2" && config.hidden_act === "quick_gelu" && config.hidden_size !== 768;
  return isSecond ? { ...network, config: { ...config, hidden_act: "gelu" } } : network;
}
