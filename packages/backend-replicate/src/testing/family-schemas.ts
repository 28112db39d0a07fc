import { openapi } from "./fake-models.ts";

const text = (value?: string) => ({ type: "string", ...(value === undefined ? {} : { default: value }) });
const file = { type: "string", format: "uri" };
const files = { type: "array", items: file };
const int = (minimum?: number, maximum?: number, value?: number) => ranged("integer", minimum, maximum, value);
const number = (minimum?: number, maximum?: number, value?: number) => ranged("number", minimum, maximum, value);
const bool = (value: boolean) => ({ type: "boolean", default: value });
const choice = (value: string | number, ...values: (string | number)[]) => ({ enum: values, default: value });

function ranged(type: string, minimum?: number, maximum?: number, value?: number) {
  const entries = Object.entries({ minimum, maximum, default: value }).filter(([, each]) => each !== undefined);
  return { type, ...Object.fromEntries(entries) };
}

const ratios = ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"];
const formats = choice("webp", "webp", "jpg", "png");
const url = { type: "string", format: "uri", title: "Output" };

/** Inputs of well-known models, as their schemas on Replicate name and bound them. */
export const familySchemas: Readonly<Record<string, unknown>> = {
  "stability-ai/sdxl": openapi(
    {
      prompt: text("An astronaut riding a rainbow unicorn"),
      negative_prompt: text(""),
      image: file,
      mask: file,
      width: int(undefined, undefined, 1024),
      height: int(undefined, undefined, 1024),
      num_outputs: int(1, 4, 1),
      scheduler: choice(
        "K_EULER",
        "DDIM",
        "DPMSolverMultistep",
        "HeunDiscrete",
        "KarrasDPM",
        "K_EULER_ANCESTRAL",
        "K_EULER",
        "PNDM",
      ),
      num_inference_steps: int(1, 500, 50),
      guidance_scale: number(1, 50, 7.5),
      prompt_strength: number(0, 1, 0.8),
      seed: int(),
      refine: choice("no_refiner", "no_refiner", "expert_ensemble_refiner", "base_image_refiner"),
      high_noise_frac: number(0, 1, 0.8),
      refine_steps: int(),
      apply_watermark: bool(true),
      lora_scale: number(0, 1, 0.6),
      replicate_weights: text(),
      disable_safety_checker: bool(false),
    },
    { required: [] },
  ),
  "black-forest-labs/flux-dev-lora": openapi({
    prompt: text(),
    aspect_ratio: choice("1:1", ...ratios),
    image: file,
    prompt_strength: number(0, 1, 0.8),
    num_outputs: int(1, 4, 1),
    num_inference_steps: int(1, 50, 28),
    guidance: number(0, 10, 3),
    seed: int(),
    output_format: formats,
    output_quality: int(0, 100, 80),
    lora_weights: text(),
    lora_scale: number(-1, 3, 1),
    extra_lora: text(),
    extra_lora_scale: number(-1, 3, 1),
    go_fast: bool(true),
    megapixels: choice("1", "1", "0.25"),
  }),
  "black-forest-labs/flux-1.1-pro": openapi(
    {
      prompt: text(),
      image_prompt: file,
      aspect_ratio: choice("1:1", "custom", ...ratios),
      width: int(256, 1440),
      height: int(256, 1440),
      safety_tolerance: int(1, 6, 2),
      seed: int(),
      prompt_upsampling: bool(false),
      output_format: formats,
      output_quality: int(0, 100, 80),
    },
    { output: url },
  ),
  "black-forest-labs/flux-canny-dev": openapi(
    {
      prompt: text(),
      control_image: file,
      guidance: number(0, 100, 30),
      num_inference_steps: int(1, 50, 28),
      seed: int(),
      output_format: formats,
    },
    { required: ["prompt", "control_image"] },
  ),
  "black-forest-labs/flux-kontext-pro": openapi(
    {
      prompt: text(),
      input_image: file,
      aspect_ratio: choice("match_input_image", "match_input_image", ...ratios),
      seed: int(),
      output_format: choice("png", "jpg", "png"),
      safety_tolerance: int(0, 6, 2),
    },
    { output: url },
  ),
  "black-forest-labs/flux-fill-pro": openapi(
    {
      image: file,
      mask: file,
      prompt: text(),
      steps: int(15, 50, 50),
      guidance: number(2, 100, 60),
      seed: int(),
      output_format: choice("jpg", "jpg", "png"),
    },
    { required: ["image", "prompt"], output: url },
  ),
  "stability-ai/stable-diffusion-3.5-large": openapi({
    prompt: text(),
    aspect_ratio: choice("1:1", "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "9:16", "9:21"),
    cfg: number(1, 10, 5),
    image: file,
    prompt_strength: number(0, 1, 0.85),
    seed: int(),
    output_format: formats,
    negative_prompt: text(),
  }),
  "ideogram-ai/ideogram-v3-turbo": openapi(
    {
      prompt: text(),
      aspect_ratio: choice("1:1", "1:3", "3:1", "1:2", "2:1", "9:16", "16:9", "3:4", "4:3", "1:1"),
      resolution: choice("None", "None", "512x1536", "1024x1024", "1280x800", "1536x512"),
      magic_prompt_option: choice("Auto", "Auto", "On", "Off"),
      image: file,
      mask: file,
      style_type: choice("None", "None", "Auto", "General", "Realistic", "Design"),
      style_reference_images: files,
      seed: int(undefined, 2147483647),
    },
    { output: url },
  ),
  "recraft-ai/recraft-v3": openapi(
    {
      prompt: text(),
      size: choice("1024x1024", "1024x1024", "1365x1024", "1024x1365", "1536x1024", "1024x1536"),
      aspect_ratio: choice("Not set", "Not set", "1:1", "4:3", "3:4"),
      style: choice("any", "any", "realistic_image", "digital_illustration"),
    },
    { output: url },
  ),
  "google/imagen-4": openapi(
    {
      prompt: text(),
      aspect_ratio: choice("1:1", "1:1", "9:16", "16:9", "3:4", "4:3"),
      safety_filter_level: choice("block_only_high", "block_low_and_above", "block_only_high"),
      output_format: choice("jpg", "jpg", "png"),
    },
    { output: url },
  ),
  "bytedance/seedream-3": openapi(
    {
      prompt: text(),
      seed: int(),
      aspect_ratio: choice("16:9", "1:1", "3:4", "4:3", "16:9", "9:16", "custom"),
      size: choice("regular", "small", "regular", "big"),
      width: int(512, 2048, 2048),
      height: int(512, 2048, 2048),
      guidance_scale: number(1, 10, 2.5),
    },
    { output: url },
  ),
  "bytedance/seedream-4": openapi({
    prompt: text(),
    image_input: { ...files, default: [] },
    size: choice("2K", "1K", "2K", "4K", "custom"),
    aspect_ratio: choice("match_input_image", "match_input_image", "1:1", "4:3", "16:9"),
    width: int(1024, 4096, 2048),
    height: int(1024, 4096, 2048),
    sequential_image_generation: choice("disabled", "disabled", "auto"),
    max_images: int(1, 15, 1),
  }),
  "qwen/qwen-image": openapi({
    prompt: text(),
    enhance_prompt: bool(false),
    negative_prompt: text(" "),
    aspect_ratio: choice("16:9", "1:1", "16:9", "9:16", "4:3", "3:4"),
    image_size: choice("optimize_for_quality", "optimize_for_quality", "optimize_for_speed"),
    image: file,
    strength: number(0, 1, 0.9),
    num_inference_steps: int(1, 50, 30),
    guidance: number(0, 10, 3),
    seed: int(),
    go_fast: bool(true),
    lora_weights: text(),
    lora_scale: number(undefined, undefined, 1),
    output_format: formats,
    output_quality: int(0, 100, 80),
  }),
  "jagilley/controlnet-canny": openapi(
    {
      image: file,
      prompt: text(),
      num_samples: choice("1", "1", "4"),
      image_resolution: choice("512", "256", "512", "768"),
      low_threshold: int(1, 255, 100),
      high_threshold: int(1, 255, 200),
      ddim_steps: int(undefined, undefined, 20),
      scale: number(0.1, 30, 9),
      seed: int(),
      eta: number(undefined, undefined, 0),
      a_prompt: text("best quality"),
      n_prompt: text("lowres"),
    },
    { required: ["image", "prompt"] },
  ),
  "fofr/sdxl-multi-controlnet-lora": openapi({
    prompt: text(),
    negative_prompt: text(""),
    width: int(undefined, undefined, 768),
    height: int(undefined, undefined, 768),
    num_inference_steps: int(1, 500, 30),
    guidance_scale: number(1, 50, 7.5),
    scheduler: choice("K_EULER", "DDIM", "K_EULER", "KarrasDPM"),
    seed: int(),
    image: file,
    mask: file,
    prompt_strength: number(0, 1, 0.8),
    lora_weights: text(),
    lora_scale: number(0, 1, 0.6),
    ...Object.fromEntries(
      [1, 2, 3].flatMap((n) => [
        [
          `controlnet_${n}`,
          choice(
            "none",
            "none",
            "edge_canny",
            "illusion",
            "depth_leres",
            "depth_midas",
            "soft_edge_pidi",
            "soft_edge_hed",
            "lineart",
            "lineart_anime",
            "openpose",
          ),
        ],
        [`controlnet_${n}_image`, file],
        [`controlnet_${n}_conditioning_scale`, number(0, 4, 0.75)],
        [`controlnet_${n}_start`, number(0, 1, 0)],
        [`controlnet_${n}_end`, number(0, 1, 1)],
      ]),
    ),
  }),
  "nightmareai/real-esrgan": openapi(
    { image: file, scale: number(0, 10, 4), face_enhance: bool(false) },
    { required: ["image"], output: url },
  ),
  "philz1337x/clarity-upscaler": openapi(
    {
      image: file,
      prompt: text("masterpiece"),
      negative_prompt: text("worst quality"),
      scale_factor: number(undefined, undefined, 2),
      creativity: number(0, 1, 0.35),
      scheduler: choice("DPM++ 3M SDE Karras", "DPM++ 2M Karras", "DPM++ SDE Karras", "DPM++ 3M SDE Karras", "Euler a"),
      num_inference_steps: int(1, 100, 18),
      seed: int(undefined, undefined, 1337),
      mask: file,
      output_format: formats,
    },
    { required: ["image"] },
  ),
  "topazlabs/image-upscale": openapi(
    {
      image: file,
      upscale_factor: choice("None", "None", "2x", "4x", "6x"),
      output_format: choice("jpg", "jpg", "png"),
    },
    { required: ["image"], output: url },
  ),
};
