import { describe, expect, test } from "vitest";
import type { Weights } from "../files/weights.ts";
import { buildVaeDecoder, buildVaeEncoder } from "./autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "./clip-text/clip-text.ts";
import { buildUNet } from "./unet-2d-condition/unet-2d-condition.ts";

// Configurations as published, with the nulls and leftovers that their files have, and the numbers of parameters that
// diffusers and transformers count in the same models.
const cross = "CrossAttnDownBlock2D";
const crossUp = "CrossAttnUpBlock2D";
const sd1 = {
  _class_name: "UNet2DConditionModel",
  _diffusers_version: "0.6.0",
  act_fn: "silu",
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  center_input_sample: false,
  cross_attention_dim: 768,
  down_block_types: [cross, cross, cross, "DownBlock2D"],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 4,
  sample_size: 64,
  up_block_types: ["UpBlock2D", crossUp, crossUp, crossUp],
};
const sd2 = {
  ...sd1,
  attention_head_dim: [5, 10, 20, 20],
  cross_attention_dim: 1024,
  dual_cross_attention: false,
  num_class_embeds: null,
  only_cross_attention: false,
  sample_size: 96,
  upcast_attention: true,
  use_linear_projection: true,
};
const sdxl = {
  ...sd2,
  addition_embed_type: "text_time",
  addition_embed_type_num_heads: 64,
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  class_embed_type: null,
  cross_attention_dim: 2048,
  cross_attention_norm: null,
  down_block_types: ["DownBlock2D", cross, cross],
  encoder_hid_dim: null,
  encoder_hid_dim_type: null,
  mid_block_only_cross_attention: null,
  mid_block_type: "UNetMidBlock2DCrossAttn",
  num_attention_heads: null,
  projection_class_embeddings_input_dim: 2816,
  resnet_out_scale_factor: 1,
  resnet_skip_time_act: false,
  resnet_time_scale_shift: "default",
  time_cond_proj_dim: null,
  time_embedding_act_fn: null,
  time_embedding_dim: null,
  time_embedding_type: "positional",
  timestep_post_act: null,
  transformer_layers_per_block: [1, 2, 10],
  up_block_types: [crossUp, crossUp, "UpBlock2D"],
};
const upscaler = {
  ...sd2,
  attention_head_dim: 8,
  block_out_channels: [256, 512, 512, 1024],
  down_block_types: ["DownBlock2D", cross, cross, cross],
  in_channels: 7,
  num_class_embeds: 1000,
  only_cross_attention: [true, true, true, false],
  up_block_types: [crossUp, crossUp, crossUp, "UpBlock2D"],
};
const vae = {
  _class_name: "AutoencoderKL",
  act_fn: "silu",
  block_out_channels: [128, 256, 512, 512],
  down_block_types: new Array(4).fill("DownEncoderBlock2D"),
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 512,
  up_block_types: new Array(4).fill("UpDecoderBlock2D"),
};
const fluxVae = {
  ...vae,
  force_upcast: true,
  latent_channels: 16,
  latents_mean: null,
  latents_std: null,
  mid_block_add_attention: true,
  scaling_factor: 0.3611,
  shift_factor: 0.1159,
  use_post_quant_conv: false,
  use_quant_conv: false,
};
const clip = (hidden: number, heads: number, layers: number, hidden_act: string, rest: object = {}) => ({
  architectures: ["CLIPTextModel"],
  bos_token_id: 0,
  dropout: 0,
  eos_token_id: 2,
  hidden_act,
  hidden_size: hidden,
  intermediate_size: 4 * hidden,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 77,
  model_type: "clip_text_model",
  num_attention_heads: heads,
  num_hidden_layers: layers,
  projection_dim: 768,
  torch_dtype: "float16",
  vocab_size: 49408,
  ...rest,
});
const bigG = { architectures: ["CLIPTextModelWithProjection"], projection_dim: 1280 };

describe("published configurations give networks of the published sizes", () => {
  test.each([
    ["Stable Diffusion 1.5", 859_520_964, (weights: Weights) => [buildUNet(sd1, weights)]],
    ["its inpainting", 859_535_364, (weights: Weights) => [buildUNet({ ...sd1, in_channels: 9 }, weights)]],
    ["Stable Diffusion 2.1", 865_910_724, (weights: Weights) => [buildUNet(sd2, weights)]],
    ["Stable Diffusion XL", 2_567_463_684, (weights: Weights) => [buildUNet(sdxl, weights)]],
    ["the ×4 upscaler", 473_398_020, (weights: Weights) => [buildUNet(upscaler, weights)]],
    ["Stable Diffusion's VAE", 83_653_863, (w: Weights) => [buildVaeEncoder(vae, w), buildVaeDecoder(vae, w)]],
    ["FLUX's VAE", 83_819_683, (w: Weights) => [buildVaeEncoder(fluxVae, w), buildVaeDecoder(fluxVae, w)]],
    ["CLIP ViT-L", 123_060_480, (w: Weights) => [buildClipText(clip(768, 12, 12, "quick_gelu"), w)]],
    ["OpenCLIP ViT-H", 340_387_840, (w: Weights) => [buildClipText(clip(1024, 16, 23, "gelu"), w)]],
    ["OpenCLIP ViT-bigG", 694_659_840, (w: Weights) => [buildClipText(clip(1280, 20, 32, "gelu", bigG), w)]],
  ])("%s: %i", (_name, expected, build) => {
    const wanted = new Map<string, number>();
    const find: Weights["find"] = (name, shape) => {
      if (shape === undefined) return undefined;
      const elements = shape.reduce((product, size) => product * size, 1);
      wanted.set(name, elements);
      return { name, shape, dtype: "F32", file: "/none", offset: 0, length: 4 * elements };
    };
    const networks = build({ source: "none", find, names: () => wanted.keys() });
    expect([...wanted.values()].reduce((sum, elements) => sum + elements, 0)).toBe(expected);
    for (const { model } of networks) expect(model.length).toBeLessThan(2 ** 20);
  });
});
