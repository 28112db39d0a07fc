import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/** The config.json that the shapes of a T5 or UMT5 encoder's tensors imply. */
export function deducedT5(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const table = names.shape("shared.weight").length > 0 ? "shared" : "encoder.embed_tokens";
  const [vocabulary, width] = names.shape(`${table}.weight`);
  const attention = "encoder.block.0.layer.0.SelfAttention";
  const [buckets, heads = 1] = names.shape(`${attention}.relative_attention_bias.weight`);
  // UMT5's layers have biases of their own.
  const isUmt5 = names.has("encoder.block.1.layer.0.SelfAttention.relative_attention_bias");
  const gated = names.has("encoder.block.0.layer.1.DenseReluDense.wi_0");
  return {
    architectures: [isUmt5 ? "UMT5EncoderModel" : "T5EncoderModel"],
    model_type: isUmt5 ? "umt5" : "t5",
    vocab_size: vocabulary,
    d_model: width,
    d_kv: (names.shape(`${attention}.q.weight`)[0] ?? 0) / heads,
    d_ff: names.shape(`encoder.block.0.layer.1.DenseReluDense.${gated ? "wi_0" : "wi"}.weight`)[0],
    num_layers: names.count("encoder.block"),
    num_heads: heads,
    relative_attention_num_buckets: buckets,
    feed_forward_proj: gated ? "gated-gelu" : "relu",
  };
}

/** The config.json that the shapes of a Qwen 3's tensors imply; its rotary base is the published ones'. */
export function deducedQwen3(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [vocabulary, width] = names.shape("embed_tokens.weight");
  const [headSize = 1] = names.shape("layers.0.self_attn.q_norm.weight");
  const heads = (name: string) => (names.shape(`layers.0.self_attn.${name}_proj.weight`)[0] ?? 0) / headSize;
  return {
    architectures: ["Qwen3Model"],
    model_type: "qwen3",
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: names.shape("layers.0.mlp.gate_proj.weight")[0],
    num_hidden_layers: names.count("layers"),
    num_attention_heads: heads("q"),
    num_key_value_heads: heads("k"),
    head_dim: headSize,
    rope_theta: 1_000_000,
  };
}

/** The same of Qwen3-VL's text model: Qwen 3's names and sizes, and another rotary base. */
export function deducedQwen3VL(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const text = { ...deducedQwen3(weights), model_type: "qwen3_vl_text", rope_theta: 5_000_000 };
  const vision = deducedSight(names);
  return { architectures: ["Qwen3VLModel"], model_type: "qwen3_vl", text_config: text, ...vision };
}

/** What sees pictures in Qwen3-VL, where the file has it: its 16 heads are as published. */
function deducedSight(names: TensorNames): Record<string, unknown> {
  const patches = names.shape("visual.patch_embed.proj.weight");
  if (patches.length === 0) return {};
  const depth = names.count("visual.blocks");
  const deep = names.count("visual.deepstack_merger_list");
  // Published are 24 blocks, of which each sixth is looked at, and 27, of which it is each eighth after the first.
  const [every, first] = depth === 27 ? [8, 8] : [Math.floor(depth / (deep + 1)), Math.floor(depth / (deep + 1)) - 1];
  return {
    vision_config: {
      depth,
      hidden_size: patches[0],
      intermediate_size: names.shape("visual.blocks.0.mlp.linear_fc1.weight")[0],
      num_heads: 16,
      in_channels: patches[1],
      temporal_patch_size: patches[2],
      patch_size: patches.at(-1),
      out_hidden_size: names.shape("visual.merger.linear_fc2.weight")[0],
      num_position_embeddings: names.shape("visual.pos_embed.weight")[0],
      deepstack_visual_indexes: Array.from({ length: deep }, (_, i) => first + every * i),
    },
  };
}

/** The same of Qwen2.5-VL's text model, whose heads have 128 numbers as published. */
export function deducedQwen25VL(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [vocabulary, width = 128] = names.shape("embed_tokens.weight");
  return {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    model_type: "qwen2_5_vl",
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: names.shape("layers.0.mlp.gate_proj.weight")[0],
    num_hidden_layers: names.count("layers"),
    num_attention_heads: width / 128,
    num_key_value_heads: (names.shape("layers.0.self_attn.k_proj.weight")[0] ?? 0) / 128,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    ...deducedVision(names, width),
  };
}

/** What sees pictures beside, where the file has it: the rest is as published. */
function deducedVision(names: TensorNames, width: number): Record<string, unknown> {
  const patches = names.shape("visual.patch_embed.proj.weight");
  if (patches.length === 0) return {};
  return {
    vision_config: {
      depth: names.count("visual.blocks"),
      hidden_size: patches[0],
      intermediate_size: names.shape("visual.blocks.0.mlp.gate_proj.weight")[0],
      patch_size: patches.at(-1),
      out_hidden_size: names.shape("visual.merger.mlp.2.weight")[0] ?? width,
    },
  };
}
