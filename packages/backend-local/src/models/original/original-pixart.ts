import type { Weights } from "../../files/weights.ts";
import { crossAttendedBlocks } from "./cross-attended-blocks.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const starts = [
  ["x_embedder.proj.", "pos_embed.proj."],
  ["y_embedder.y_proj.fc1.", "caption_projection.linear_1."],
  ["y_embedder.y_proj.fc2.", "caption_projection.linear_2."],
  ["t_embedder.mlp.0.", "adaln_single.emb.timestep_embedder.linear_1."],
  ["t_embedder.mlp.2.", "adaln_single.emb.timestep_embedder.linear_2."],
  ["t_block.1.", "adaln_single.linear."],
  ["final_layer.linear.", "proj_out."],
  ["final_layer.scale_shift_table", "scale_shift_table"],
  // Its size tells the picture's that the network was trained at.
  ["pos_embed", "pos_embed.pos_embed"],
] as const;

const blockName = renameStart([
  ["attn.proj.", "attn1.to_out.0."],
  ["cross_attn.q_linear.", "attn2.to_q."],
  ["cross_attn.proj.", "attn2.to_out.0."],
  ["mlp.fc1.", "ff.net.0.proj."],
  ["mlp.fc2.", "ff.net.2."],
]);

/** PixArt-Σ's transformer in its authors' naming, under diffusers' names. @throws {@link ModelError} naming a tensor that has no place in it. */
export function originalPixArt(source: Source): Weights {
  const names = new Renaming(source);
  // What stands for a text that was left out in training.
  names.drop("y_embedder.y_embedding");
  for (const [from, to] of starts) names.move(from, to);
  crossAttendedBlocks(names, blockName);
  return names.finish("PixArt transformer");
}
