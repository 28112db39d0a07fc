import { rowsOf, transposed } from "../../files/tensor-views.ts";
import type { RecognisedPart } from "../recognised-model.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

/** Channels of an attention's head, in every CLIP text encoder that diffusion models use. */
const headSize = 64;

const common = { architectures: ["CLIPTextModel"], layer_norm_eps: 1e-5, bos_token_id: 49406, eos_token_id: 49407 };

/**
 * A CLIP text encoder in transformers' own names, as it stands in a checkpoint: `prefix` ends before `text_model.`, which some
 * files lack. Its activation, which shapes don't tell, is OpenAI's.
 *
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function clipText(source: Source, rest: Readonly<Record<string, unknown>> = {}): RecognisedPart {
  const names = new Renaming(source);
  const model = names.has("text_model.") ? "text_model." : "";
  names.drop(`${model}embeddings.position_ids`, "logit_scale");
  const projection = names.shape("text_projection.weight")[0];
  const [vocabulary, width] = names.shape(`${model}embeddings.token_embedding.weight`);
  const config = {
    ...common,
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: names.shape(`${model}encoder.layers.0.mlp.fc1.weight`)[0],
    max_position_embeddings: names.shape(`${model}embeddings.position_embedding.weight`)[0],
    num_hidden_layers: names.count(`${model}encoder.layers`),
    num_attention_heads: Math.max(1, (width ?? 0) / headSize),
    hidden_act: "quick_gelu",
    ...(projection === undefined ? {} : { projection_dim: projection }),
    ...rest,
  };
  names.move(model, "text_model.");
  names.move("", "");
  return { config, weights: names.finish("text encoder") };
}

const blockName = renameStart([
  ["ln_1.", "layer_norm1."],
  ["ln_2.", "layer_norm2."],
  ["mlp.c_fc.", "mlp.fc1."],
  ["mlp.c_proj.", "mlp.fc2."],
  ["attn.out_proj.", "self_attn.out_proj."],
]);

/** Which of an OpenCLIP text encoder's outputs a family uses. */
export interface OpenClipUse {
  /**
   * Whether the projected text is used, as SDXL does; if not, the last block is left out where the file has the whole encoder,
   * since Stable Diffusion 2 takes the states before it.
   */
  projected: boolean;
}

/**
 * A text encoder in OpenCLIP's names: a view under transformers' names, in which the stacked projections are parted by rows
 * and the text projection is turned over, all without a copy.
 *
 * @see https://github.com/mlfoundations/open_clip `src/open_clip/transformer.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function openClipText(source: Source, { projected }: OpenClipUse): RecognisedPart {
  const names = new Renaming(source);
  const [vocabulary, width = 0] = names.shape("token_embedding.weight");
  const blocks = names.count("transformer.resblocks");
  const whole = names.find("text_projection") !== undefined;
  const layers = !projected && whole ? blocks - 1 : blocks;
  const projection = names.shape("text_projection")[1];
  const config = {
    ...common,
    architectures: [projected ? "CLIPTextModelWithProjection" : "CLIPTextModel"],
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: names.shape("transformer.resblocks.0.mlp.c_fc.weight")[0],
    max_position_embeddings: names.shape("positional_embedding")[0],
    num_hidden_layers: layers,
    num_attention_heads: Math.max(1, width / headSize),
    hidden_act: "gelu",
    ...(projection === undefined ? {} : { projection_dim: projection }),
  };
  names.drop("logit_scale", "attn_mask");
  for (let i = layers; i < blocks; i++) names.drop(`transformer.resblocks.${i}.`);
  for (let i = 0; i < layers; i++) {
    const [from, to] = [`transformer.resblocks.${i}.`, `text_model.encoder.layers.${i}.`];
    for (const kind of ["weight", "bias"]) {
      names.replace(`${from}attn.in_proj_${kind}`, (stacked) =>
        Object.fromEntries(
          ["q_proj", "k_proj", "v_proj"].map((name, part) => [
            `${to}self_attn.${name}.${kind}`,
            rowsOf(stacked, part * width, (part + 1) * width),
          ]),
        ),
      );
    }
    names.move(from, to, blockName);
  }
  names.move("token_embedding.", "text_model.embeddings.token_embedding.");
  names.move("positional_embedding", "text_model.embeddings.position_embedding.weight");
  names.move("ln_final.", "text_model.final_layer_norm.");
  if (projected) names.replace("text_projection", (tensor) => ({ "text_projection.weight": transposed(tensor) }));
  else names.drop("text_projection");
  return { config, weights: names.finish("text encoder") };
}
