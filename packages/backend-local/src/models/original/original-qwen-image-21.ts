import type { Weights } from "../../files/weights.ts";
import { Renaming, type Source } from "./renaming.ts";

/** Qwen-Image 2.1's transformer as ComfyUI's files have it, with a block's gate and what it gates in one layer, under diffusers' names. */
export function originalQwenImage21(source: Source): Weights {
  const names = new Renaming(source);
  for (let i = 0, count = names.count("transformer_blocks"); i < count; i++) {
    const feed = `transformer_blocks.${i}.img_mlp.`;
    names.partRows(`${feed}gate_up.`, [`${feed}gate_layer.`, `${feed}proj.`]);
  }
  names.move("", "");
  return names.finish("Qwen-Image 2.1 transformer");
}
