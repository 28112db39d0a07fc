import type { Weights } from "../../files/weights.ts";
import { type LayerNames, moveLayers } from "./layer-names.ts";
import { Renaming, type Source } from "./renaming.ts";

const feed = (own: string, theirs: string): LayerNames["inner"] => [
  [`${own}.c_fc1`, `${theirs}.linear_1`],
  [`${own}.c_fc2`, `${theirs}.linear_2`],
  [`${own}.c_proj`, `${theirs}.out_projection`],
];

/** fal's own names, and diffusers': of blocks of two streams, of which the text's is the first, and of blocks of one. */
export const auraflowLayers: readonly LayerNames[] = [
  {
    alone: [
      ["init_x_linear", "pos_embed.proj"],
      ["cond_seq_linear", "context_embedder"],
      ["t_embedder.mlp.0", "time_step_proj.linear_1"],
      ["t_embedder.mlp.2", "time_step_proj.linear_2"],
      ["final_linear", "proj_out"],
    ],
    lists: [["double_layers", "joint_transformer_blocks"]],
    inner: [
      ["attn.w1q", "attn.add_q_proj"],
      ["attn.w1k", "attn.add_k_proj"],
      ["attn.w1v", "attn.add_v_proj"],
      ["attn.w1o", "attn.to_add_out"],
      ["attn.w2q", "attn.to_q"],
      ["attn.w2k", "attn.to_k"],
      ["attn.w2v", "attn.to_v"],
      ["attn.w2o", "attn.to_out.0"],
      ["modC.1", "norm1_context.linear"],
      ["modX.1", "norm1.linear"],
      ...feed("mlpC", "ff_context"),
      ...feed("mlpX", "ff"),
    ],
  },
  {
    alone: [],
    lists: [["single_layers", "single_transformer_blocks"]],
    inner: [
      ["attn.w1q", "attn.to_q"],
      ["attn.w1k", "attn.to_k"],
      ["attn.w1v", "attn.to_v"],
      ["attn.w1o", "attn.to_out.0"],
      ["modCX.1", "norm1.linear"],
      ...feed("mlp", "ff"),
    ],
  },
];

/**
 * AuraFlow's transformer in its authors' naming, which ComfyUI's files have, under diffusers' names.
 *
 * @throws {@link ModelError} naming a tensor that has no place in it.
 */
export function originalAuraFlow(source: Source): Weights {
  const names = new Renaming(source);
  names.move("positional_encoding", "pos_embed.pos_embed");
  names.move("register_tokens", "register_tokens");
  // Its halves lie in the other order: the graph goes by the name.
  names.move("modF.1.", "norm_out.shift_first.");
  for (const each of auraflowLayers) moveLayers(names, each);
  return names.finish("AuraFlow transformer");
}
