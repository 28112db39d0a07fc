import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";

/** What transformers of two streams have alike, by the names of the layers that take the picture and the text. */
function ofTwoStreams(names: TensorNames, layers: { image: string; text: string }, publishedHead = 128) {
  const [width = 1, channels] = names.shape(`${layers.image}.weight`);
  const [headSize = publishedHead] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  return {
    width,
    headSize,
    config: {
      in_channels: channels,
      num_layers: names.count("transformer_blocks"),
      attention_head_dim: headSize,
      num_attention_heads: width / headSize,
      joint_attention_dim: names.shape(`${layers.text}.weight`)[1],
    },
  };
}

const embedders = { image: "x_embedder", text: "context_embedder" };

/** How many numbers of a head turn by the picture's number, row and column: about an eighth and twice 7; 16, 56, 56 as published. */
function seldomByTime(headSize: number): number[] {
  const side = 2 * Math.floor((7 * headSize) / 32);
  return [headSize - 2 * side, side, side];
}

/** Likewise by time (or the place in the text), row and column: a quarter and twice 3/8; 32, 48, 48 as published. */
function quarterByTime(headSize: number): number[] {
  return [headSize / 4, (3 * headSize) / 8, (3 * headSize) / 8];
}

/** The config.json that the shapes of a FLUX.1 transformer's tensors imply, under diffusers' names. */
export function deducedFlux1(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const { headSize, config } = ofTwoStreams(names, embedders);
  return {
    _class_name: "FluxTransformer2DModel",
    ...config,
    out_channels: names.shape("proj_out.weight")[0],
    num_single_layers: names.count("single_transformer_blocks"),
    pooled_projection_dim: names.shape("time_text_embed.text_embedder.linear_1.weight")[1],
    guidance_embeds: names.has("time_text_embed.guidance_embedder"),
    axes_dims_rope: seldomByTime(headSize),
  };
}

/** The same of Chroma. */
export function deducedChroma(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const { headSize, config } = ofTwoStreams(names, embedders);
  const [hidden, channels] = names.shape("distilled_guidance_layer.in_proj.weight");
  return {
    _class_name: "ChromaTransformer2DModel",
    ...config,
    out_channels: names.shape("proj_out.weight")[0],
    num_single_layers: names.count("single_transformer_blocks"),
    axes_dims_rope: seldomByTime(headSize),
    approximator_num_channels: channels,
    approximator_hidden_dim: hidden,
    approximator_layers: names.count("distilled_guidance_layer.layers"),
  };
}

/** The same of FLUX.2. */
export function deducedFlux2(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const { width, headSize, config } = ofTwoStreams(names, embedders);
  return {
    _class_name: "Flux2Transformer2DModel",
    ...config,
    out_channels: names.shape("proj_out.weight")[0],
    num_single_layers: names.count("single_transformer_blocks"),
    timestep_guidance_channels: names.shape("time_guidance_embed.timestep_embedder.linear_1.weight")[1],
    mlp_ratio: (names.shape("transformer_blocks.0.ff.linear_out.weight")[1] ?? 0) / width,
    guidance_embeds: names.has("time_guidance_embed.guidance_embedder"),
    axes_dims_rope: new Array(4).fill(headSize / 4),
  };
}

/** The same of FLUX.3. */
export function deducedFlux3(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("x_embedders.image.weight");
  const [headSize = 1] = names.shape("single_transformer_blocks.0.attn.norm_q.weight");
  return {
    _class_name: "Flux3Transformer2DModel",
    in_channels: channels,
    cond_in_channels: names.shape("x_embedders.image_cond.weight")[1],
    num_layers: names.count("txt_mode_blocks"),
    num_single_layers: names.count("single_transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    joint_attention_dim: names.shape("context_embedder.weight")[1],
    timestep_channels: names.shape("timestep_embedder.linear_1.weight")[1],
    mlp_ratio: (names.shape("single_transformer_blocks.0.ff.linear_out.weight")[1] ?? 0) / width,
    axes_dims_rope: new Array(4).fill(headSize / 4),
    flow_map: names.has("target_timestep_embedder"),
  };
}

/** The same of PixArt-Σ, whose heads have 72 numbers as published. */
export function deducedPixArt(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels = 4] = names.shape("pos_embed.proj.weight");
  const [, places = 64 * 64] = names.shape("pos_embed.pos_embed");
  return {
    _class_name: "PixArtTransformer2DModel",
    in_channels: channels,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
    num_layers: names.count("transformer_blocks"),
    attention_head_dim: 72,
    num_attention_heads: width / 72,
    cross_attention_dim: width,
    caption_channels: names.shape("caption_projection.linear_1.weight")[1],
    // diffusers' names have no such table: 1024 pixels are what most have.
    sample_size: 2 * Math.sqrt(places),
    use_additional_conditions: false,
  };
}

/** The same of AuraFlow, whose heads have 256 numbers as published. */
export function deducedAuraFlow(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 256, patch = 16] = names.shape("pos_embed.proj.weight");
  return {
    _class_name: "AuraFlowTransformer2DModel",
    in_channels: patch / 4,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
    num_mmdit_layers: names.count("joint_transformer_blocks"),
    num_single_dit_layers: names.count("single_transformer_blocks"),
    attention_head_dim: 256,
    num_attention_heads: width / 256,
    joint_attention_dim: names.shape("context_embedder.weight")[1],
    caption_projection_dim: width,
    pos_embed_max_size: names.shape("pos_embed.pos_embed")[1],
  };
}

/** The same of Sana: heads have 32 numbers as published, and those that look at the text 112, in the smaller one 72. */
export function deducedSana(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 32, channels] = names.shape("patch_embed.proj.weight");
  const [inner = 0] = names.shape("transformer_blocks.0.attn2.to_q.weight");
  const headSize = inner % 112 === 0 ? 112 : 72;
  // diffusers' names have no such table: 1024 pixels are what most have.
  const [, places = 32 * 32] = names.shape("pos_embed.pos_embed");
  const side = Math.sqrt(places);
  return {
    _class_name: "SanaTransformer2DModel",
    in_channels: channels,
    out_channels: names.shape("proj_out.weight")[0],
    num_layers: names.count("transformer_blocks"),
    attention_head_dim: 32,
    num_attention_heads: width / 32,
    num_cross_attention_heads: inner / headSize,
    cross_attention_head_dim: headSize,
    cross_attention_dim: width,
    caption_channels: names.shape("caption_projection.linear_1.weight")[1],
    mlp_ratio: (names.shape("transformer_blocks.0.ff.conv_point.weight")[1] ?? 0) / width,
    attention_bias: names.shape("transformer_blocks.0.attn1.to_q.bias").length > 0,
    sample_size: side,
    // Of larger pictures than 1024 pixels the places are shown, as published.
    interpolation_scale: side > 32 ? side / 64 : null,
    qk_norm: names.has("transformer_blocks.0.attn1.norm_q") ? "rms_norm_across_heads" : null,
  };
}

/** The same of Krea 2. */
export function deducedKrea2(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const rows = (layer: string) => names.shape(`${layer}.weight`)[0] ?? 1;
  const columns = (layer: string) => names.shape(`${layer}.weight`)[1];
  const block = "transformer_blocks.0";
  const fusions = ["layerwise_blocks", "refiner_blocks"].map((list) => `text_fusion.${list}`);
  const text = `${fusions.find((list) => names.count(list) > 0) ?? fusions[0]}.0`;
  const headSize = rows(`${block}.attn.norm_q`);
  const heads = (at: string, name: string) => rows(`${at}.attn.${name}`) / rows(`${at}.attn.norm_q`);
  return {
    _class_name: "Krea2Transformer2DModel",
    in_channels: columns("img_in"),
    num_layers: names.count("transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: heads(block, "to_q"),
    num_key_value_heads: heads(block, "to_k"),
    intermediate_size: rows(`${block}.ff.gate`),
    timestep_embed_dim: columns("time_embed.linear_1"),
    text_hidden_dim: columns("txt_in.linear_1"),
    num_text_layers: columns("text_fusion.projector"),
    text_num_attention_heads: heads(text, "to_q"),
    text_num_key_value_heads: heads(text, "to_k"),
    text_intermediate_size: rows(`${text}.ff.gate`),
    num_layerwise_text_blocks: names.count(fusions[0]!),
    num_refiner_text_blocks: names.count(fusions[1]!),
    axes_dims_rope: quarterByTime(headSize),
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
    axes_dims: quarterByTime(headSize),
  };
}

/** The same of Stable Diffusion 3. */
export function deducedSD3(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  // As published, a head has 64 numbers.
  const { config } = ofTwoStreams(names, { image: "pos_embed.proj", text: "context_embedder" }, 64);
  const [, rows = 1] = names.shape("pos_embed.pos_embed");
  const normed = names.has("transformer_blocks.0.attn.norm_q");
  const blocks = Array.from({ length: config.num_layers }, (_, i) => i);
  return {
    _class_name: "SD3Transformer2DModel",
    ...config,
    sample_size: 128,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
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
  const { headSize, config } = ofTwoStreams(names, { image: "img_in", text: "txt_in" });
  return {
    _class_name: "QwenImageTransformer2DModel",
    ...config,
    out_channels: (names.shape("proj_out.weight")[0] ?? 0) / 4,
    axes_dims_rope: seldomByTime(headSize),
    use_additional_t_cond: names.has("time_text_embed.addition_t_embedding"),
    // A mark of those whose references are seen at time 0; ComfyUI's files have it.
    zero_cond_t: weights.find("__index_timestep_zero__") !== undefined,
  };
}

/** The same of Qwen-Image 2.1. */
export function deducedQwenImage21(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [width = 1, channels] = names.shape("img_in.weight");
  const [headSize = 128] = names.shape("transformer_blocks.0.attn.norm_q.weight");
  return {
    _class_name: "QwenImage21Transformer2DModel",
    in_channels: channels,
    out_channels: names.shape("proj_out.weight")[0],
    num_layers: names.count("transformer_blocks"),
    attention_head_dim: headSize,
    num_attention_heads: width / headSize,
    context_in_dim: names.shape("txt_in.in_layer.weight")[1],
    mlp_ratio: (names.shape("transformer_blocks.0.img_mlp.proj.weight")[0] ?? 0) / width,
    axes_dims_rope: seldomByTime(headSize),
  };
}
