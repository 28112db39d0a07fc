import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const starts = [
  ["x_embedder.proj.", "pos_embed.proj."],
  ["pos_embed", "pos_embed.pos_embed"],
  ["t_embedder.mlp.0.", "time_text_embed.timestep_embedder.linear_1."],
  ["t_embedder.mlp.2.", "time_text_embed.timestep_embedder.linear_2."],
  ["y_embedder.mlp.0.", "time_text_embed.text_embedder.linear_1."],
  ["y_embedder.mlp.2.", "time_text_embed.text_embedder.linear_2."],
  ["context_embedder.", "context_embedder."],
  ["final_layer.linear.", "proj_out."],
  // Its halves lie in the other order: the graph goes by the name.
  ["final_layer.adaLN_modulation.1.", "norm_out.shift_first."],
] as const;

const imageName = renameStart([
  ["adaLN_modulation.1.", "norm1.linear."],
  ["mlp.fc1.", "ff.net.0.proj."],
  ["mlp.fc2.", "ff.net.2."],
  ["attn.ln_q.", "attn.norm_q."],
  ["attn.ln_k.", "attn.norm_k."],
  ["attn.proj.", "attn.to_out.0."],
  ["attn2.ln_q.", "attn2.norm_q."],
  ["attn2.ln_k.", "attn2.norm_k."],
  ["attn2.proj.", "attn2.to_out.0."],
]);

const textName = (last: boolean) =>
  renameStart([
    // The last block's text has no gates: its two halves are a last norm's.
    ["adaLN_modulation.1.", last ? "norm1_context.shift_first." : "norm1_context.linear."],
    ["mlp.fc1.", "ff_context.net.0.proj."],
    ["mlp.fc2.", "ff_context.net.2."],
    ["attn.ln_q.", "attn.norm_added_q."],
    ["attn.ln_k.", "attn.norm_added_k."],
    ["attn.proj.", "attn.to_add_out."],
  ]);

/**
 * Stable Diffusion 3's transformer in Stability's own naming, under diffusers' names.
 *
 * @see https://github.com/Stability-AI/sd3.5 `mmditx.py`
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalSD3(source: Source): Weights {
  const names = new Renaming(source);
  const count = names.count("joint_blocks");
  for (const [from, to] of starts) names.move(from, to);
  for (let i = 0; i < count; i++) {
    const [image, text] = [`joint_blocks.${i}.x_block.`, `joint_blocks.${i}.context_block.`];
    const to = `transformer_blocks.${i}.`;
    for (const attention of ["attn", "attn2"])
      names.partRows(
        `${image}${attention}.qkv.`,
        ["to_q", "to_k", "to_v"].map((part) => `${to}${attention}.${part}.`),
      );
    names.partRows(
      `${text}attn.qkv.`,
      ["add_q_proj", "add_k_proj", "add_v_proj"].map((part) => `${to}attn.${part}.`),
    );
    names.move(image, to, imageName);
    names.move(text, to, textName(i === count - 1));
  }
  return names.finish("Stable Diffusion 3 transformer");
}
