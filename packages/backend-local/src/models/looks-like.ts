import type { Weights } from "../files/weights.ts";

/** How what is no image model of a known family gives itself away: a pattern that some tensor's name has. The first that fits counts. */
const marks: readonly (readonly [pattern: RegExp, what: string])[] = [
  // Adapters and helpers, which go beside a model.
  [
    /(^|[._])lora[._]|lora_(up|down|A|B|mid)|\.hada_w|\.lokr_w|\.oft_|\.dora_scale|^lycoris_/,
    "a LoRA (or one of its kin)",
  ],
  [/^control_model\.|^controlnet_|^input_hint_block\.|^control_(all|layers)|^controlnet_blocks/, "a ControlNet"],
  [/^ip_adapter\.|^image_proj\./, "an IP-Adapter"],
  [/^adapter\.(body|conv_in|unshuffle)|^body\.\d+\.(block[12]|in_conv)\./, "a T2I-Adapter"],
  [/motion_modules\.|temporal_transformer\./, "a motion module of AnimateDiff"],
  [/^(string_to_param|emb_params|clip_l|clip_g|t5xxl)$|^<[^>]+>$/, "a textual inversion embedding"],
  [
    /^(conv_first|model\.0|conv_up1|params\.conv_first)\.weight$|^body\.\d+\.rdb\d/,
    "an upscaler (ESRGAN or one of its kin)",
  ],
  [/concept_embeds/, "a safety checker"],
  // Image and video models of other families.
  [/early_stream_modulations\./, "FLUX.3"],
  [/single_stream_modulation\.lin\./, "FLUX.2"],
  [/distilled_guidance_layer\./, "Chroma"],
  [/double_blocks\.\d+\.img_attn\.|single_transformer_blocks\.\d+\.proj_mlp/, "FLUX.1"],
  [/joint_blocks\.\d+\./, "Stable Diffusion 3"],
  [/txt_in\.text_norm\./, "Qwen-Image 2.1"],
  [/transformer_blocks\.\d+\.txt_mod\.|txt_norm\.weight/, "Qwen-Image"],
  [/txtfusion\./, "Krea 2"],
  [/noise_refiner\.\d+\.adaLN_modulation|cap_embedder\.1\.weight/, "Z-Image or Lumina 2"],
  [/double_layers\.\d+\.|cond_seq_linear/, "AuraFlow"],
  [/double_stream_blocks\./, "HiDream"],
  [/individual_token_refiner\./, "HunyuanVideo"],
  [/clip_txt_mapper|down_blocks\.\d+\.\d+\.channelwise/, "Stable Cascade"],
  [/^(model\.diffusion_model\.)?patchify_proj\./, "LTX-Video"],
  [/head\.modulation$/, "Wan"],
  [/net\.x_embedder\.proj/, "Cosmos"],
  [/caption_projection\.|adaln_single\./, "PixArt or Sana"],
  [/cross_attn\.kv_linear\./, "PixArt or Sana"],
  // Parts of models.
  [/^(model\.)?layers\.\d+\.self_attn\.q_proj\./, "a language model"],
  [/vision_model\.|visual\.transformer\./, "a CLIP vision encoder"],
  [/(encoder|decoder)\.(stages|middle)\.\d+/, "a VAE of another family"],
];

/** What a file of no known family looks like; undefined where it gives no hint. */
export function looksLike(weights: Weights): string | undefined {
  const names = [...weights.names()];
  return marks.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
}
