import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

const ggufLayer = renameStart([
  ["attn_q_norm.", "self_attn.q_norm."],
  ["attn_k_norm.", "self_attn.k_norm."],
  ["attn_q.", "self_attn.q_proj."],
  ["attn_k.", "self_attn.k_proj."],
  ["attn_v.", "self_attn.v_proj."],
  ["attn_output.", "self_attn.o_proj."],
  ["attn_norm.", "input_layernorm."],
  ["ffn_norm.", "post_attention_layernorm."],
  ["ffn_gate.", "mlp.gate_proj."],
  ["ffn_up.", "mlp.up_proj."],
  ["ffn_down.", "mlp.down_proj."],
]);

/** A decoder of Qwen's kind: in transformers' names, with or without a prefix, or in llama.cpp's. */
export function languageModel(source: Source): Weights {
  const names = new Renaming(source);
  if (names.has("token_embd.")) {
    // Of the answer's tokens; a model that is trained to speak several languages has tables of its own for it.
    names.drop("output.", "rope_freqs.");
    names.move("token_embd.", "embed_tokens.");
    names.move("output_norm.", "norm.");
    for (let i = 0, count = names.count("blk"); i < count; i++) names.move(`blk.${i}.`, `layers.${i}.`, ggufLayer);
    return names.finish("language model");
  }
  // What sees pictures stands beside what reads texts.
  names.drop("lm_head.", "scaled_fp8");
  for (const start of ["model.visual.", "visual."]) names.move(start, "visual.");
  const place =
    ["model.language_model.", "language_model.model.", "language_model.", "model."].find((each) => names.has(each)) ??
    "";
  names.move(place, "");
  return names.finish("language model");
}

const ggufBlock = renameStart([
  ["attn_q.", "layer.0.SelfAttention.q."],
  ["attn_k.", "layer.0.SelfAttention.k."],
  ["attn_v.", "layer.0.SelfAttention.v."],
  ["attn_o.", "layer.0.SelfAttention.o."],
  ["attn_rel_b.", "layer.0.SelfAttention.relative_attention_bias."],
  ["attn_norm.", "layer.0.layer_norm."],
  ["ffn_gate.", "layer.1.DenseReluDense.wi_0."],
  ["ffn_up.", "layer.1.DenseReluDense.wi_1."],
  ["ffn_down.", "layer.1.DenseReluDense.wo."],
  ["ffn_norm.", "layer.1.layer_norm."],
]);

/** T5's encoder: in transformers' names, or in llama.cpp's. */
export function t5Encoder(source: Source): Weights {
  const names = new Renaming(source);
  if (names.has("token_embd.")) {
    names.drop("dec.");
    names.move("token_embd.", "shared.");
    names.move("enc.output_norm.", "encoder.final_layer_norm.");
    for (let i = 0, count = names.count("enc.blk"); i < count; i++)
      names.move(`enc.blk.${i}.`, `encoder.block.${i}.`, ggufBlock);
    return names.finish("T5 text encoder");
  }
  // Both tables are one; some files hold it twice. The decoder is not run.
  names.drop("decoder.", "lm_head.", "logit_scale", ...(names.has("shared.") ? ["encoder.embed_tokens."] : []));
  names.move("", "");
  return names.finish("T5 text encoder");
}
