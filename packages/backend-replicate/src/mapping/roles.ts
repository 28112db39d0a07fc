/** What an input of a model is for. */
export type Role =
  | "prompt"
  | "negativePrompt"
  | "width"
  | "height"
  | "aspectRatio"
  | "size"
  | "seed"
  | "steps"
  | "guidanceScale"
  | "sampler"
  | "clipSkip"
  | "image"
  | "mask"
  | "strength"
  | "scale"
  | "lora"
  | "loraScale"
  | "controlImage"
  | "controlType"
  | "controlStrength"
  | "controlStart"
  | "controlEnd"
  | "imagePrompt"
  | "imagePromptStrength"
  | "count"
  | "outputFormat"
  | "outputQuality";

/** Names under which models on Replicate take each role, the usual first. A family's own names go before these. */
export const commonNames: Readonly<Record<Role, readonly string[]>> = {
  prompt: ["prompt", "text_prompt", "text", "caption", "input_prompt"],
  negativePrompt: ["negative_prompt", "negative_prompts", "n_prompt", "uncond_prompt"],
  width: ["width", "image_width", "output_width"],
  height: ["height", "image_height", "output_height"],
  aspectRatio: ["aspect_ratio", "ratio"],
  size: ["size", "resolution", "image_size", "image_dimensions", "dimensions"],
  seed: ["seed", "random_seed", "noise_seed", "manual_seed"],
  steps: ["num_inference_steps", "num_steps", "steps", "inference_steps", "ddim_steps", "sampling_steps", "n_steps"],
  guidanceScale: [
    "guidance_scale",
    "guidance",
    "cfg",
    "cfg_scale",
    "text_guidance_scale",
    "true_guidance_scale",
    "prompt_guidance",
  ],
  sampler: ["scheduler", "sampler", "sampler_name", "sampling_method"],
  clipSkip: ["clip_skip"],
  image: [
    "image",
    "input_image",
    "init_image",
    "source_image",
    "image_input",
    "input_images",
    "img",
    "image_path",
    "images",
  ],
  mask: ["mask", "mask_image", "inpaint_mask", "image_mask"],
  strength: ["prompt_strength", "strength", "denoising_strength", "denoise", "img2img_strength"],
  scale: ["scale", "upscale_factor", "scale_factor", "upscale", "outscale", "rescaling_factor"],
  lora: ["lora_weights", "hf_lora", "lora_url", "lora", "replicate_weights", "lora_urls", "hf_loras", "loras"],
  loraScale: ["lora_scale", "lora_strength", "lora_weight", "lora_scales"],
  controlImage: ["control_image", "controlnet_image", "structure_image", "controlnet_conditioning_image"],
  controlType: ["control_type", "controlnet_type", "structure"],
  controlStrength: [
    "control_strength",
    "controlnet_conditioning_scale",
    "conditioning_scale",
    "condition_scale",
    "controlnet_strength",
  ],
  controlStart: ["control_guidance_start", "controlnet_start", "control_start"],
  controlEnd: ["control_guidance_end", "controlnet_end", "control_end"],
  imagePrompt: [
    "image_prompt",
    "ip_adapter_image",
    "redux_image",
    "style_image",
    "reference_image",
    "reference_images",
  ],
  imagePromptStrength: ["image_prompt_strength", "ip_adapter_scale", "ip_adapter_strength", "style_strength"],
  count: ["num_outputs", "num_images", "number_of_images", "num_samples", "batch_size", "max_images", "n"],
  outputFormat: ["output_format", "image_format", "format"],
  outputQuality: ["output_quality", "quality", "jpeg_quality"],
};
