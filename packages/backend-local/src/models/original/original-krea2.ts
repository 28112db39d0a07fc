import type { WeightTensor } from "../../files/safetensors.ts";
import type { Weights } from "../../files/weights.ts";
import { type LayerNames, moveLayers } from "./layer-names.ts";
import { Renaming, type Source } from "./renaming.ts";

/** Krea AI's own names, and diffusers'. */
export const krea2Layers: LayerNames = {
  alone: [
    ["first", "img_in"],
    ["tmlp.0", "time_embed.linear_1"],
    ["tmlp.2", "time_embed.linear_2"],
    ["tproj.1", "time_mod_proj"],
    ["txtmlp.0", "txt_in.norm"],
    ["txtmlp.1", "txt_in.linear_1"],
    ["txtmlp.3", "txt_in.linear_2"],
    ["txtfusion.projector", "text_fusion.projector"],
    ["last.norm", "final_layer.norm"],
    ["last.linear", "final_layer.linear"],
  ],
  lists: [
    ["blocks", "transformer_blocks"],
    ["txtfusion.layerwise_blocks", "text_fusion.layerwise_blocks"],
    ["txtfusion.refiner_blocks", "text_fusion.refiner_blocks"],
  ],
  inner: [
    ["attn.wq", "attn.to_q"],
    ["attn.wk", "attn.to_k"],
    ["attn.wv", "attn.to_v"],
    ["attn.wo", "attn.to_out.0"],
    ["attn.gate", "attn.to_gate"],
    ["attn.qknorm.qnorm", "attn.norm_q"],
    ["attn.qknorm.knorm", "attn.norm_k"],
    ["mlp.gate", "ff.gate"],
    ["mlp.up", "ff.up"],
    ["mlp.down", "ff.down"],
    ["prenorm", "norm1"],
    ["postnorm", "norm2"],
  ],
};

/**
 * Krea 2's transformer in its authors' naming, which ComfyUI's files have, under diffusers' names.
 *
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalKrea2(source: Source): Weights {
  const names = new Renaming(source);
  // A block's table is stored as one row.
  const table = (from: string, to: string, rows: number) =>
    names.replace(from, (tensor) => ({ [`${to}.scale_shift_table`]: withRows(tensor, rows) }));
  table("last.modulation.lin", "final_layer", 2);
  for (let i = 0, count = names.count("blocks"); i < count; i++)
    table(`blocks.${i}.mod.lin`, `transformer_blocks.${i}`, 6);
  moveLayers(names, krea2Layers);
  return names.finish("Krea 2 transformer");
}

function withRows(tensor: WeightTensor, rows: number): WeightTensor {
  const count = tensor.shape.reduce((product, side) => product * side, 1);
  return { ...tensor, shape: [rows, count / rows] };
}
