import type { Weights } from "../../files/weights.ts";
import { type LayerNames, moveLayers } from "./layer-names.ts";
import { Renaming, type Source } from "./renaming.ts";

const modes = ["image", "image_cond"] as const;
const modulated = ["early_stream_modulations", "single_stream_modulations"].flatMap((list) =>
  [...modes, "txt"].map((mode) => [`${list}.${mode}.lin`, `${list}.${mode}.linear`] as const),
);

/** Black Forest Labs' own names for FLUX.3, and diffusers'. */
export const flux3Layers: LayerNames = {
  alone: [
    ...modes.map((mode) => [`emb_in.${mode}`, `x_embedders.${mode}`] as const),
    ...modulated,
    ["txt_in", "context_embedder"],
    ["time_in.in_layer", "timestep_embedder.linear_1"],
    ["time_in.out_layer", "timestep_embedder.linear_2"],
    ["ref_time_in.in_layer", "target_timestep_embedder.linear_1"],
    ["ref_time_in.out_layer", "target_timestep_embedder.linear_2"],
    ["final_layer.image.linear", "proj_out"],
  ],
  lists: [
    ...modes.map((mode) => [`content_mode_blocks.${mode}`, `mode_blocks.${mode}`] as const),
    ["txt_mode_blocks", "txt_mode_blocks"],
    ["single_blocks", "single_transformer_blocks"],
  ],
  inner: [
    ["q_proj", "attn.to_q"],
    ["k_proj", "attn.to_k"],
    ["v_proj", "attn.to_v"],
    ["attn_out", "attn.to_out.0"],
    ["norm.query_norm", "attn.norm_q"],
    ["norm.key_norm", "attn.norm_k"],
    ["mlp_in", "ff.linear_in"],
    ["mlp_out", "ff.linear_out"],
  ],
};

/** FLUX.3's transformer in Black Forest Labs' naming, under diffusers' names. @throws {@link ModelError} naming a tensor that has no place in it. */
export function originalFlux3(source: Source): Weights {
  const names = new Renaming(source);
  // What it was trained with alone.
  names.drop("repa_projectors.");
  // Its halves lie in the other order: the graph goes by the name.
  names.move("final_layer.image.adaLN_modulation.1.", "norm_out.shift_first.");
  moveLayers(names, flux3Layers);
  return names.finish("FLUX.3 transformer");
}
