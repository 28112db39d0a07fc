import { z } from "zod";
import type { SamplerName as KnownSampler } from "../diffusion/samplers.ts";
import type { SchedulerName as KnownScheduler } from "../diffusion/schedulers.ts";
import { ConditioningSchema } from "./conditioning.ts";
import { SeedSchema } from "./seed.ts";

/** Samplers by ComfyUI's names, for completion; a backend may know more. */
export type SamplerName = KnownSampler | (string & {});
/** Schedulers by ComfyUI's names, for completion; a backend may know more. `"diffusers"` is a model folder's own. */
export type SchedulerName = KnownScheduler | "diffusers" | (string & {});

/** Smallest and largest side of a picture in pixels. */
export const [minSide, maxSide] = [8, 16_384] as const;
const side = z.int().min(minSide).max(maxSide);
const options = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.boolean()], "must be a number, a word, true or false"),
);

const LoraSchema = z.strictObject({
  /** File, name or URL of the LoRA, as the backend knows it. */
  model: z.string().min(1),
  /** Multiplies the LoRA's change to the unet (and the text encoder). */
  strength: z.number().min(-20).max(20).default(1),
  /** The text encoder's own strength, where it differs. */
  textEncoderStrength: z.number().min(-20).max(20).optional(),
});

const EmbeddingSchema = z.strictObject({
  /** File or name of the textual inversion, as the backend knows it. */
  model: z.string().min(1),
  /** Word in the prompt that stands for it; the file's own where absent. */
  token: z.string().min(1).optional(),
});

const HiresSchema = z.strictObject({
  /** Enlargement between the two passes. */
  scale: z.number().gt(1).max(8).default(2),
  /** Strength of the second pass, 0 to 1. */
  strength: z.number().min(0).max(1).default(0.5),
  steps: z.int().min(1).max(1000).optional(),
  /** Latent interpolation (`"nearest"`, `"bilinear"`, `"bicubic"`) or an upscale model's name. */
  upscaler: z.string().optional(),
});

const GuidanceSchema = z.strictObject({
  /** How conditional and unconditional predictions are joined. Default `"cfg"`. */
  mode: z.enum(["cfg", "cfg++", "apg", "cfg-zero-star"]).default("cfg"),
  /** Guidance rescale φ of arXiv:2305.08891, 0 to 1. */
  rescale: z.number().min(0).max(1).default(0),
  /** Guidance acts from this fraction of the sampling … */
  start: z.number().min(0).max(1).default(0),
  /** … to this one (arXiv:2404.07724). */
  end: z.number().min(0).max(1).default(1),
  /** Guidance scale of each step, in place of one number for all. */
  scales: z.array(z.number().min(0).max(100)).min(1).optional(),
  /** Scale of perturbed-attention guidance (arXiv:2403.17377); 0 is off. */
  pagScale: z.number().min(0).max(100).optional(),
  /** How much of it is lost by each timestep below 1000, as diffusers' `pag_adaptive_scale`; 0, the default, is nothing. */
  pagAdaptiveScale: z.number().min(0).max(100).optional(),
  /**
   * Which self-attentions are perturbed: `"mid"` (the default), `"down"`, `"up"`, or any other part of, or regular expression
   * that is found in, a layer's name, such as `"down_blocks.1"`. As diffusers' `pag_applied_layers`.
   */
  pagLayers: z.array(z.string().min(1).max(200)).min(1).max(64).optional(),
  /** APG's (arXiv:2410.02416) weight of the parallel part, momentum and norm threshold. */
  apgEta: z.number().min(0).max(1).optional(),
  apgMomentum: z.number().min(-1).max(1).optional(),
  apgNormThreshold: z.number().min(0).optional(),
});

const NoiseSchema = z.strictObject({
  /** Generator: torch's CPU MT19937 (default) or CUDA's Philox, also called NV. */
  source: z.enum(["torch-cpu", "nv"]).default("torch-cpu"),
  /**
   * With `nv`: the device whose numbers are wanted, by the properties that torch tells of it. Devices differ where a latent has more values
   * than they run threads (`multiProcessorCount · maxThreadsPerMultiProcessor`). Default: one as large as it takes, as A1111's NV.
   */
  device: z
    .strictObject({
      multiProcessorCount: z.int().min(1).max(4096),
      maxThreadsPerMultiProcessor: z.int().min(256).max(65_536),
    })
    .optional(),
  /** Whose order of draws is followed; and whose levels and formulas, for the samplers by name that differ. */
  convention: z.enum(["diffusers", "comfyui", "a1111"]).default("diffusers"),
  /** A1111's sub-seed, blended by spherical interpolation. */
  subseed: SeedSchema.optional(),
  subseedStrength: z.number().min(0).max(1).default(0),
  /** A1111's eta noise seed delta: 31337 in NovelAI's pictures. */
  ensd: z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31)
    .default(0),
  /** A1111's "resize seed from": the first noise's middle is that of a picture of this size, in pixels. */
  resizeFrom: z.strictObject({ width: side, height: side }).optional(),
  /** ComfyUI: what the steps' generator adds to the seed; 1 as it does now on a CPU, 0 as before. */
  stepSeedOffset: z.int().min(0).max(1).optional(),
  /**
   * The picture's place in a batch whose pictures share random numbers with diffusers: an inpainted picture's latent, the Brownian tree
   * of a `noise_sampler_seed`. It stands in the recipe of such a picture, which so makes it again alone.
   */
  batch: z
    .strictObject({ index: z.int().min(0).max(9_999), size: z.int().min(1).max(10_000) })
    .refine(({ index, size }) => index < size, { path: ["index"], message: "must be below size" })
    .optional(),
});

/** Encodings that an image can be delivered in. */
export const imageFormats = ["png", "jpeg", "webp"] as const;
/** `"png"`, `"jpeg"` or `"webp"`. */
export type ImageFormat = (typeof imageFormats)[number];

const OutputSchema = z.strictObject({
  format: z.enum(imageFormats).default("png"),
  /** 1 to 100, for JPEG and WebP. */
  quality: z.int().min(1).max(100).default(90),
  /** Whether the recipe is written into PNG files. */
  embedRecipe: z.boolean().default(true),
  /**
   * Whether recipes hold the bytes of inputs that were given as bytes or as data URLs. Default false: the recipe then has their SHA-256
   * and size, and making the picture again takes the files themselves.
   */
  embedInputs: z.boolean().optional(),
  /** Whether each picture comes with the latent that sampling left, in `image.latent`. */
  latent: z.boolean().optional(),
});

/** Fields that every task has. What is left out is decided by the backend and stands in the recipe. */
export const sharedFields = {
  /** The model, as the backend names it; the backend's own default where absent. */
  model: z.string().min(1).optional(),
  /** Width of the picture in pixels. */
  width: side.optional(),
  /** Height of the picture in pixels. */
  height: side.optional(),
  /** Number of pictures; picture i uses `seed + i`. */
  count: z.int().min(1).max(10_000).default(1),
  /** 0 to 2^64-1; a random one, told in the recipe, where absent. */
  seed: SeedSchema.optional(),
  /** Number of sampling steps. */
  steps: z.int().min(1).max(1000).optional(),
  /** Classifier-free guidance scale (arXiv:2207.12598); 1 is off. */
  guidanceScale: z.number().min(0).max(100).optional(),
  guidance: GuidanceSchema.optional(),
  /**
   * What steps the latents, by ComfyUI's names. diffusers' and A1111's are understood too and become ComfyUI's: "DPM++ 2M Karras" is
   * `dpmpp_2m` with scheduler `karras`.
   */
  sampler: z.custom<SamplerName>((v) => typeof v === "string" && v !== "", "must be a sampler's name").optional(),
  /** What makes the sigmas, by ComfyUI's names; A1111's ("SGM Uniform") become ComfyUI's. */
  scheduler: z.custom<SchedulerName>((v) => typeof v === "string" && v !== "", "must be a scheduler's name").optional(),
  /** The sampler's own settings, such as `eta` or `s_noise`: docs/samplers.md has each sampler's, with their ranges. */
  samplerOptions: options.optional(),
  /** The scheduler's own settings, such as `rho` or `sigma_max`: docs/samplers.md has each scheduler's. */
  schedulerOptions: options.optional(),
  /**
   * Noise levels of your own, in place of `steps` and a `scheduler`: from 0 up, each below the one before, the last being where sampling
   * ends, usually 0. On the model's own scale: to 1 for flow models, to about 14.6 for Stable Diffusion.
   */
  sigmas: z.array(z.number().nonnegative()).min(2).optional(),
  /**
   * Timesteps of your own, in place of `steps` and a `scheduler`: from 0 up to the last that the model was trained at (999 of Stable
   * Diffusion), each below the one before; sampling ends without noise.
   */
  timesteps: z.array(z.number().nonnegative()).min(1).optional(),
  /**
   * The first step to run, counted from 0 over all the `steps` and below them (ComfyUI's `start_at_step`). Text-to-image goes on with the
   * `latent` that an earlier request left there; the other tasks noise their picture to that step's level, in place of a `strength`.
   */
  startStep: z.int().min(0).max(10_000).optional(),
  /**
   * The step to stop before, counted as `startStep` and above it (ComfyUI's `end_at_step`); above `steps` it is the last. What noise is
   * left stays in the latent, and in the picture.
   */
  endStep: z.int().min(1).max(10_000).optional(),
  noise: NoiseSchema.optional(),
  /**
   * Text encoder layers left off at the end; 1 is none, as in A1111 and ComfyUI. With `promptSyntax` `"plain"` for the prompt alone, as diffusers'
   * `clip_skip` (which is one less); with the others for the negative prompt too.
   */
  clipSkip: z.int().min(1).max(24).optional(),
  conditioning: z.array(ConditioningSchema).default([]),
  loras: z.array(LoraSchema).default([]),
  embeddings: z.array(EmbeddingSchema).default([]),
  /** A second pass at a larger size. */
  hires: HiresSchema.optional(),
  /** Ask for a preview every so many steps; 0, the default, is none. */
  previewEvery: z.int().min(0).max(1000).default(0),
  output: OutputSchema.prefault({}),
  /** Settings that one backend alone understands, under its id. */
  backendOptions: z.record(z.string(), z.record(z.string(), z.json())).default({}),
};

/** How the signs in a prompt may be read. */
export const promptSyntaxes = ["plain", "a1111", "comfyui"] as const;
/** `"plain"`, `"a1111"` or `"comfyui"`. */
export type PromptSyntax = (typeof promptSyntaxes)[number];

/** The prompt and its negative. */
export const promptFields = {
  /** What to draw. */
  prompt: z.string(),
  /** What to keep out. */
  negativePrompt: z.string().optional(),
  /**
   * How signs in the prompts are read. `"plain"`: as they stand; one text encoder's length of them, as diffusers. `"a1111"`: as AUTOMATIC1111
   * reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`.
   * With these two, texts of any length count. Default: the backend's own.
   */
  promptSyntax: z.enum(promptSyntaxes).optional(),
};
