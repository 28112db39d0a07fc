import { rowsOf, transposed } from "../../files/tensor-views.ts";
import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

/**
 * A CLIP text encoder in transformers' own names, as it stands in a checkpoint: the prefix ends before `text_model.`, which
 * some files lack.
 */
export function clipText(source: Source): Weights {
  const names = new Renaming(source);
  const model = names.has("text_model.") ? "text_model." : "";
  names.drop(`${model}embeddings.position_ids`, "logit_scale");
  names.move("text_projection.", "text_projection.");
  names.move(model, "text_model.");
  return names.finish("text encoder");
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
 * A text encoder in OpenCLIP's names, under transformers': its stacked projections are parted by rows and the text projection
 * is turned over, all without a copy.
 *
 * @see https://github.com/mlfoundations/open_clip `src/open_clip/transformer.py`
 * @throws {@link ModelError} naming a tensor that has no place in such a network.
 */
export function openClipText(source: Source, { projected }: OpenClipUse): Weights {
  const names = new Renaming(source);
  const blocks = names.count("transformer.resblocks");
  const layers = !projected && names.has("text_projection") ? blocks - 1 : blocks;
  names.drop("logit_scale", "attn_mask");
  for (let i = layers; i < blocks; i++) names.drop(`transformer.resblocks.${i}.`);
  for (let i = 0; i < layers; i++) {
    const [from, to] = [`transformer.resblocks.${i}.`, `text_model.encoder.layers.${i}.`];
    for (const kind of ["weight", "bias"]) {
      names.replace(`${from}attn.in_proj_${kind}`, (stacked) => {
        const rows = (stacked.shape[0] ?? 0) / 3;
        const parts = ["q_proj", "k_proj", "v_proj"].map((name, part) => [
          `${to}self_attn.${name}.${kind}`,
          rowsOf(stacked, part * rows, (part + 1) * rows),
        ]);
        return Object.fromEntries(parts);
      });
    }
    names.move(from, to, blockName);
  }
  names.move("token_embedding.", "text_model.embeddings.token_embedding.");
  names.move("positional_embedding", "text_model.embeddings.position_embedding.weight");
  names.move("ln_final.", "text_model.final_layer_norm.");
  if (projected) names.replace("text_projection", (tensor) => ({ "text_projection.weight": transposed(tensor) }));
  else names.drop("text_projection");
  return names.finish("text encoder");
}
