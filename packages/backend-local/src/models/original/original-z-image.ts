import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const layerName = renameStart([
  ["attention.out.", "attention.to_out.0."],
  ["attention.q_norm.", "attention.norm_q."],
  ["attention.k_norm.", "attention.norm_k."],
]);

/** Z-Image's transformer as ComfyUI and its authors' own code name it, under diffusers' names. @throws {@link ModelError} naming a tensor that has no place in it. */
export function originalZImage(source: Source): Weights {
  const names = new Renaming(source);
  names.drop("norm_final.");
  names.move("x_embedder.", "all_x_embedder.2-1.");
  names.move("final_layer.", "all_final_layer.2-1.");
  for (const list of ["layers", "noise_refiner", "context_refiner"])
    for (let i = 0, count = names.count(list); i < count; i++) {
      const layer = `${list}.${i}.`;
      names.partRows(
        `${layer}attention.qkv.`,
        ["to_q", "to_k", "to_v"].map((part) => `${layer}attention.${part}.`),
      );
      names.move(layer, layer, layerName);
    }
  for (const same of ["t_embedder.", "cap_embedder.", "x_pad_token", "cap_pad_token"]) names.move(same, same);
  return names.finish("Z-Image transformer");
}
