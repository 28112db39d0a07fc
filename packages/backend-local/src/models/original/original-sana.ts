import type { Weights } from "../../files/weights.ts";
import { crossAttendedBlocks } from "./cross-attended-blocks.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const starts = [
  ["x_embedder.proj.", "patch_embed.proj."],
  ["y_embedder.y_proj.fc1.", "caption_projection.linear_1."],
  ["y_embedder.y_proj.fc2.", "caption_projection.linear_2."],
  ["attention_y_norm.", "caption_norm."],
  ["t_embedder.mlp.0.", "time_embed.emb.timestep_embedder.linear_1."],
  ["t_embedder.mlp.2.", "time_embed.emb.timestep_embedder.linear_2."],
  ["t_block.1.", "time_embed.linear."],
  ["final_layer.linear.", "proj_out."],
  ["final_layer.scale_shift_table", "scale_shift_table"],
  // Its size tells the picture's that the network was trained at.
  ["pos_embed", "pos_embed.pos_embed"],
] as const;

const blockName = renameStart([
  ["attn.q_norm.", "attn1.norm_q."],
  ["attn.k_norm.", "attn1.norm_k."],
  ["attn.proj.", "attn1.to_out.0."],
  ["cross_attn.q_norm.", "attn2.norm_q."],
  ["cross_attn.k_norm.", "attn2.norm_k."],
  ["cross_attn.q_linear.", "attn2.to_q."],
  ["cross_attn.proj.", "attn2.to_out.0."],
  ["mlp.inverted_conv.conv.", "ff.conv_inverted."],
  ["mlp.depth_conv.conv.", "ff.conv_depth."],
  ["mlp.point_conv.conv.", "ff.conv_point."],
]);

/**
 * Sana's transformer in its authors' naming, under diffusers' names.
 *
 * @see https://github.com/NVlabs/Sana `diffusion/model/nets/sana_multi_scale.py`
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalSana(source: Source): Weights {
  const names = new Renaming(source);
  // What stands for a text that was left out in training, and what weighed losses there.
  names.drop("y_embedder.y_embedding", "logvar_linear.");
  for (const [from, to] of starts) names.move(from, to);
  crossAttendedBlocks(names, blockName);
  return names.finish("Sana transformer");
}
