/** A node definition as `/object_info` gives it. */
export interface RawNode {
  input: { required: Record<string, unknown>; optional?: Record<string, unknown> };
  input_order: { required: string[]; optional?: string[] };
  output: string[];
  output_is_list: boolean[];
  output_name: string[];
  name: string;
  display_name: string;
  description: string;
  category: string;
  output_node: boolean;
}

type Inputs = Record<string, unknown>;

const maxSeed = 2n ** 64n - 1n;
const link = (type: string) => [type];
const int = (min: number | bigint, max: number | bigint, fallback: number | bigint = min, more: object = {}) => [
  "INT",
  { default: fallback, min, max, ...more },
];
const float = (min: number, max: number, fallback: number) => ["FLOAT", { default: fallback, min, max, step: 0.01 }];
const text = ["STRING", { multiline: true, dynamicPrompts: true }];
const word = (fallback: string) => ["STRING", { default: fallback }];
const flag = (fallback: boolean) => ["BOOLEAN", { default: fallback }];
/** The old form of a combo, and the new one: real servers have both. */
const oldCombo = (options: readonly string[], more: object = {}) => [options, more];
const newCombo = (options: readonly string[], more: object = {}) => ["COMBO", { multiselect: false, options, ...more }];

const size = (fallback = 512, step = 8) => int(16, 16384, fallback, { step });
const seed = int(0n, maxSeed, 0, { control_after_generate: true });
const image = link("IMAGE");
const mask = link("MASK");
const model = link("MODEL");
const clip = link("CLIP");
const vae = link("VAE");
const latent = link("LATENT");
const condition = link("CONDITIONING");
const methods = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"];

/** Names of the samplers that the fake lists. */
export const fakeSamplers = [
  "euler",
  "euler_ancestral",
  "heun",
  "dpmpp_2m",
  "dpmpp_2m_sde",
  "res_multistep",
  "ddim",
  "uni_pc",
];
/** Names of its schedulers. */
export const fakeSchedulers = ["normal", "karras", "exponential", "simple", "sgm_uniform", "beta"];

/** Files in the fake's model folders. */
export interface FakeModels {
  checkpoints: string[];
  diffusionModels: string[];
  textEncoders: string[];
  vaes: string[];
  loras: string[];
  controlNets: string[];
  upscaleModels: string[];
  embeddings: string[];
}

/** What the fake has when nothing else is said. */
export const defaultModels: FakeModels = {
  checkpoints: ["tiny.safetensors"],
  diffusionModels: [
    "flux1-dev.safetensors",
    "qwen_image_fp8.safetensors",
    "z_image_turbo_bf16.safetensors",
    "sd3.5_large.safetensors",
  ],
  textEncoders: [
    "clip_l.safetensors",
    "clip_g.safetensors",
    "t5xxl_fp16.safetensors",
    "qwen_2.5_vl_7b.safetensors",
    "qwen_3_4b.safetensors",
  ],
  vaes: ["ae.safetensors", "qwen_image_vae.safetensors", "sd3_vae.safetensors", "taesd"],
  loras: ["styles\\ink_wash-v2.safetensors", "detail.safetensors"],
  controlNets: ["control_canny.safetensors", "control_depth.safetensors", "xinsir_union_promax.safetensors"],
  upscaleModels: ["RealESRGAN_x2.pth", "RealESRGAN_x4plus.pth"],
  embeddings: ["easynegative"],
};

/** Definitions of the nodes that LatentKit's graphs use, with a server's files in the lists. */
export function fakeNodes(models: FakeModels, uploads: readonly string[] = []): Record<string, RawNode> {
  const nodes: Record<string, RawNode> = {};
  const node = (
    name: string,
    required: Inputs,
    output: string[],
    options: { end?: boolean; optional?: Inputs } = {},
  ) => {
    const { end = false, optional } = options;
    nodes[name] = {
      input: { required, ...(optional === undefined ? {} : { optional }) },
      input_order: {
        required: Object.keys(required),
        ...(optional === undefined ? {} : { optional: Object.keys(optional) }),
      },
      output,
      output_is_list: output.map(() => false),
      output_name: output,
      name,
      display_name: name,
      description: "",
      category: "fake",
      output_node: end,
    };
  };
  const sampling = { sampler_name: oldCombo(fakeSamplers), scheduler: newCombo(fakeSchedulers) };

  node("CheckpointLoaderSimple", { ckpt_name: oldCombo(models.checkpoints) }, ["MODEL", "CLIP", "VAE"]);
  node(
    "UNETLoader",
    { unet_name: newCombo(models.diffusionModels), weight_dtype: oldCombo(["default", "fp8_e4m3fn"]) },
    ["MODEL"],
  );
  const clipTypes = ["stable_diffusion", "sd3", "flux", "qwen_image", "lumina2"];
  const encoder = oldCombo(models.textEncoders);
  node("CLIPLoader", { clip_name: encoder, type: oldCombo(clipTypes) }, ["CLIP"]);
  node("DualCLIPLoader", { clip_name1: encoder, clip_name2: encoder, type: oldCombo(["sdxl", "sd3", "flux"]) }, [
    "CLIP",
  ]);
  node("TripleCLIPLoader", { clip_name1: encoder, clip_name2: encoder, clip_name3: encoder }, ["CLIP"]);
  node("VAELoader", { vae_name: oldCombo(models.vaes) }, ["VAE"]);
  const loraStrength = float(-100, 100, 1);
  node(
    "LoraLoader",
    { model, clip, lora_name: oldCombo(models.loras), strength_model: loraStrength, strength_clip: loraStrength },
    ["MODEL", "CLIP"],
  );
  node("CLIPSetLastLayer", { clip, stop_at_clip_layer: int(-24, -1, -1) }, ["CLIP"]);
  node("CLIPTextEncode", { text, clip }, ["CONDITIONING"]);
  node("ConditioningZeroOut", { conditioning: condition }, ["CONDITIONING"]);
  node("ConditioningConcat", { conditioning_to: condition, conditioning_from: condition }, ["CONDITIONING"]);
  node("ConditioningCombine", { conditioning_1: condition, conditioning_2: condition }, ["CONDITIONING"]);
  node("ConditioningSetTimestepRange", { conditioning: condition, start: float(0, 1, 0), end: float(0, 1, 1) }, [
    "CONDITIONING",
  ]);
  node("FluxGuidance", { conditioning: condition, guidance: float(0, 100, 3.5) }, ["CONDITIONING"]);
  node("EmptyLatentImage", { width: size(), height: size(), batch_size: int(1, 4096) }, ["LATENT"]);
  node("EmptySD3LatentImage", { width: size(1024, 16), height: size(1024, 16), batch_size: int(1, 4096) }, ["LATENT"]);
  node(
    "KSampler",
    {
      model,
      seed,
      steps: int(1, 10000, 20),
      cfg: float(0, 100, 8),
      ...sampling,
      positive: condition,
      negative: condition,
      latent_image: latent,
      denoise: float(0, 1, 1),
    },
    ["LATENT"],
  );
  node("RandomNoise", { noise_seed: seed }, ["NOISE"]);
  node("DisableNoise", {}, ["NOISE"]);
  node("BasicGuider", { model, conditioning: condition }, ["GUIDER"]);
  node("CFGGuider", { model, positive: condition, negative: condition, cfg: float(0, 100, 8) }, ["GUIDER"]);
  node("KSamplerSelect", { sampler_name: oldCombo(fakeSamplers) }, ["SAMPLER"]);
  node(
    "BasicScheduler",
    { model, scheduler: oldCombo(fakeSchedulers), steps: int(1, 10000, 20), denoise: float(0, 1, 1) },
    ["SIGMAS"],
  );
  const ancestral = { eta: float(0, 100, 1), s_noise: float(0, 100, 1) };
  const solver = oldCombo(["midpoint", "heun"]);
  const device = oldCombo(["gpu", "cpu"]);
  node("SamplerEulerAncestral", ancestral, ["SAMPLER"]);
  node("SamplerDPMPP_2M_SDE", { solver_type: solver, ...ancestral, noise_device: device }, ["SAMPLER"]);
  const steps = int(1, 10000, 20);
  const level = float(0, 5000, 1);
  const levels = { steps, sigma_max: level, sigma_min: level };
  node("KarrasScheduler", { ...levels, rho: float(0, 100, 7) }, ["SIGMAS"]);
  node("PolyexponentialScheduler", { ...levels, rho: float(0, 100, 1) }, ["SIGMAS"]);
  node("BetaSamplingScheduler", { model, steps, alpha: float(0, 50, 0.6), beta: float(0, 50, 0.6) }, ["SIGMAS"]);
  node("AlignYourStepsScheduler", { model_type: oldCombo(["SD1", "SDXL", "SVD"]), steps, denoise: float(0, 1, 1) }, [
    "SIGMAS",
  ]);
  node("SplitSigmas", { sigmas: link("SIGMAS"), step: int(0, 10000, 0) }, ["SIGMAS", "SIGMAS"]);
  node("ManualSigmas", { sigmas: word("1, 0.5") }, ["SIGMAS"]);
  node(
    "SamplerCustomAdvanced",
    {
      noise: link("NOISE"),
      guider: link("GUIDER"),
      sampler: link("SAMPLER"),
      sigmas: link("SIGMAS"),
      latent_image: latent,
    },
    ["LATENT", "LATENT"],
  );
  node(
    "SamplerCustom",
    {
      model,
      add_noise: flag(true),
      noise_seed: seed,
      cfg: float(0, 100, 8),
      positive: condition,
      negative: condition,
      sampler: link("SAMPLER"),
      sigmas: link("SIGMAS"),
      latent_image: latent,
    },
    ["LATENT", "LATENT"],
  );
  node("ModelSamplingSD3", { model, shift: float(0, 100, 3) }, ["MODEL"]);
  node("ModelSamplingAuraFlow", { model, shift: float(0, 100, 1.73) }, ["MODEL"]);
  node("RescaleCFG", { model, multiplier: float(0, 1, 0.7) }, ["MODEL"]);
  node("PerturbedAttentionGuidance", { model, scale: float(0, 100, 3) }, ["MODEL"]);
  node("CFGZeroStar", { model }, ["MODEL"]);
  node("APG", { model, eta: float(-10, 10, 1), norm_threshold: float(0, 50, 5), momentum: float(-5, 1, 0) }, ["MODEL"]);
  node("VAEDecode", { samples: latent, vae }, ["IMAGE"]);
  node("VAEEncode", { pixels: image, vae }, ["LATENT"]);
  node("VAEEncodeForInpaint", { pixels: image, vae, mask, grow_mask_by: int(0, 64, 6) }, ["LATENT"]);
  node("SetLatentNoiseMask", { samples: latent, mask }, ["LATENT"]);
  node(
    "InpaintModelConditioning",
    { positive: condition, negative: condition, vae, pixels: image, mask, noise_mask: flag(true) },
    ["CONDITIONING", "CONDITIONING", "LATENT"],
  );
  node(
    "LatentUpscaleBy",
    { samples: latent, upscale_method: oldCombo([...methods, "bislerp"]), scale_by: float(0.01, 8, 1.5) },
    ["LATENT"],
  );
  const files = [...uploads];
  node("LoadImage", { image: oldCombo(files, { image_upload: true }) }, ["IMAGE", "MASK"]);
  node(
    "LoadImageMask",
    { image: newCombo(files, { image_upload: true }), channel: oldCombo(["alpha", "red", "green", "blue"]) },
    ["MASK"],
  );
  node("MaskToImage", { mask }, ["IMAGE"]);
  node("ImageToMask", { image, channel: oldCombo(["red", "green", "blue", "alpha"]) }, ["MASK"]);
  node(
    "ImageScale",
    {
      image,
      upscale_method: oldCombo(methods),
      width: int(0, 16384, 512),
      height: int(0, 16384, 512),
      crop: oldCombo(["disabled", "center"]),
    },
    ["IMAGE"],
  );
  const side = int(0, 16384, 0);
  node("ImageCrop", { image, width: int(1, 16384, 512), height: int(1, 16384, 512), x: side, y: side }, ["IMAGE"]);
  node(
    "ImagePadForOutpaint",
    { image, left: side, top: side, right: side, bottom: side, feathering: int(0, 16384, 40) },
    ["IMAGE", "MASK"],
  );
  node(
    "ImageCompositeMasked",
    { destination: image, source: image, x: side, y: side, resize_source: flag(false) },
    ["IMAGE"],
    { optional: { mask } },
  );
  node("UpscaleModelLoader", { model_name: oldCombo(models.upscaleModels) }, ["UPSCALE_MODEL"]);
  node("ImageUpscaleWithModel", { upscale_model: link("UPSCALE_MODEL"), image }, ["IMAGE"]);
  node("Canny", { image, low_threshold: float(0.01, 0.99, 0.4), high_threshold: float(0.01, 0.99, 0.8) }, ["IMAGE"]);
  node("ControlNetLoader", { control_net_name: oldCombo(models.controlNets) }, ["CONTROL_NET"]);
  node(
    "SetUnionControlNetType",
    {
      control_net: link("CONTROL_NET"),
      type: oldCombo([
        "auto",
        "openpose",
        "depth",
        "hed/pidi/scribble/ted",
        "canny/lineart/anime_lineart/mlsd",
        "normal",
        "segment",
        "tile",
        "repaint",
      ]),
    },
    ["CONTROL_NET"],
  );
  node(
    "ControlNetApplyAdvanced",
    {
      positive: condition,
      negative: condition,
      control_net: link("CONTROL_NET"),
      image,
      strength: float(0, 10, 1),
      start_percent: float(0, 1, 0),
      end_percent: float(0, 1, 1),
    },
    ["CONDITIONING", "CONDITIONING"],
    { optional: { vae } },
  );
  node("SaveImage", { images: image, filename_prefix: word("ComfyUI") }, [], { end: true });
  node("PreviewImage", { images: image }, [], { end: true });
  node("SaveImageWebsocket", { images: image }, [], { end: true });
  return nodes;
}

/** Definitions of the IP-Adapter pack, for servers that have it. */
export function ipAdapterNodes(): Record<string, RawNode> {
  const base = { output_is_list: [false], description: "", category: "ipadapter", output_node: false };
  const make = (name: string, required: Inputs, output: string[], optional?: Inputs): RawNode => ({
    ...base,
    name,
    display_name: name,
    input: { required, ...(optional === undefined ? {} : { optional }) },
    input_order: {
      required: Object.keys(required),
      ...(optional === undefined ? {} : { optional: Object.keys(optional) }),
    },
    output,
    output_name: output,
  });
  return {
    IPAdapterUnifiedLoader: make(
      "IPAdapterUnifiedLoader",
      { model, preset: oldCombo(["STANDARD (medium strength)", "PLUS (high strength)", "FULL FACE - SD1.5 only"]) },
      ["MODEL", "IPADAPTER"],
    ),
    IPAdapterAdvanced: make(
      "IPAdapterAdvanced",
      {
        model,
        ipadapter: link("IPADAPTER"),
        image,
        weight: float(-1, 5, 1),
        weight_type: oldCombo(["linear", "ease in"]),
        combine_embeds: oldCombo(["concat", "add"]),
        start_at: float(0, 1, 0),
        end_at: float(0, 1, 1),
        embeds_scaling: oldCombo(["V only", "K+V"]),
      },
      ["MODEL"],
      { clip_vision: link("CLIP_VISION") },
    ),
  };
}
