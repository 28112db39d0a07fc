import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/** The config.json that the shapes of a FLUX.1 transformer's tensors imply, under diffusers' names. */
export function deducedFlux1(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("x_embedder.weight");
  const [headSize = 1] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  const side = 2 * Math.floor((7 * headSize) / 32);
  return {
    _class_name: "FluxTransformer2DModel",
    in_channels: channels,
    out_channels: names.shape("proj_out.weight")[0],
    num_layers: names.count("transformer_blocks"),
    num_single_layers: names.count("single_transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    joint_attention_dim: names.shape("context_embedder.weight")[1],
    pooled_projection_dim: names.shape("time_text_embed.text_embedder.linear_1.weight")[1],
    guidance_embeds: names.has("time_text_embed.guidance_embedder"),
    // About an eighth turns by the picture's number, the rest by row and column: 16, 56, 56 as published.
    axes_dims_rope: [headSize - 2 * side, side, side],
  };
}

/** The same of FLUX.2. */
export function deducedFlux2(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("x_embedder.weight");
  const [headSize = 1] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  return {
    _class_name: "Flux2Transformer2DModel",
    in_channels: channels,
    out_channels: names.shape("proj_out.weight")[0],
    num_layers: names.count("transformer_blocks"),
    num_single_layers: names.count("single_transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    joint_attention_dim: names.shape("context_embedder.weight")[1],
    timestep_guidance_channels: names.shape("time_guidance_embed.timestep_embedder.linear_1.weight")[1],
    mlp_ratio: (names.shape("transformer_blocks.0.ff.linear_out.weight")[1] ?? 0) / width,
    guidance_embeds: names.has("time_guidance_embed.guidance_embedder"),
    axes_dims_rope: new Array(4).fill(headSize / 4),
  };
}

/** The same of Z-Image. */
export function deducedZImage(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [dim = 1, patch = 1] = names.shape("all_x_embedder.2-1.weight");
  const [headSize = dim / 30] = names.shape("layers.0.attention.norm_q.weight");
  return {
    _class_name: "ZImageTransformer2DModel",
    in_channels: patch / 4,
    dim,
    n_layers: names.count("layers"),
    n_refiner_layers: names.count("noise_refiner"),
    n_heads: dim / headSize,
    n_kv_heads: dim / headSize,
    qk_norm: names.has("layers.0.attention.norm_q"),
    cap_feat_dim: names.shape("cap_embedder.1.weight")[1],
    // A quarter turns by the place in the text, the rest by row and column: 32, 48, 48 as published.
    axes_dims: [headSize / 4, (3 * headSize) / 8, (3 * headSize) / 8],
  };
}

/** The same of Stable Diffusion 3. */
export function deducedSD3(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("pos_embed.proj.weight");
  const count = names.count("transformer_blocks");
  const [, rows = 1] = names.shape("pos_embed.pos_embed");
  const normed = names.has("transformer_blocks.0.attn.norm_q");
  const blocks = Array.from({ length: count }, (_, i) => i);
  // As published, a head has 64 numbers.
  const [headSize = 64] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  return {
    _class_name: "SD3Transformer2DModel",
    sample_size: 128,
    in_channels: channels,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
    num_layers: count,
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    joint_attention_dim: names.shape("context_embedder.weight")[1],
    caption_projection_dim: names.shape("context_embedder.weight")[0],
    pooled_projection_dim: names.shape("time_text_embed.text_embedder.linear_1.weight")[1],
    pos_embed_max_size: Math.sqrt(rows),
    dual_attention_layers: blocks.filter((i) => names.has(`transformer_blocks.${i}.attn2`)),
    qk_norm: normed ? "rms_norm" : null,
  };
}

/** The same of Qwen-Image. */
export function deducedQwenImage(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("img_in.weight");
  const [headSize = 128] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  const side = 2 * Math.floor((7 * headSize) / 32);
  return {
    _class_name: "QwenImageTransformer2DModel",
    in_channels: channels,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
    num_layers: names.count("transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    joint_attention_dim: names.shape("txt_in.weight")[1],
    axes_dims_rope: [headSize - 2 * side, side, side],
    use_additional_t_cond: names.has("time_text_embed.addition_t_embedding"),
    // A mark of those whose references are seen at time 0; ComfyUI's files have it.
    zero_cond_t: weights.find("__index_timestep_zero__") !== undefined,
  };
}
