import * as z from "zod";
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
// What each field means stands in input-types.ts, which has the same fields.
const side = z.int().min(minSide).max(maxSide);
const options = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.boolean()], "must be a number, a word, true or false"),
);

/** A sampler by its name. */
export const samplerName = z.custom<SamplerName>((v) => typeof v === "string" && v !== "", "must be a sampler's name");
/** A scheduler by its name. */
export const schedulerName = z.custom<SchedulerName>(
  (v) => typeof v === "string" && v !== "",
  "must be a scheduler's name",
);

const LoraSchema = z.strictObject({
  model: z.string().min(1),
  strength: z.number().min(-20).max(20).default(1),
  textEncoderStrength: z.number().min(-20).max(20).optional(),
});

const EmbeddingSchema = z.strictObject({
  model: z.string().min(1),
  token: z.string().min(1).optional(),
});

const HiresSchema = z.strictObject({
  scale: z.number().gt(1).max(8).default(2),
  strength: z.number().min(0).max(1).default(0.5),
  steps: z.int().min(1).max(1000).optional(),
  upscaler: z.string().min(1).optional(),
  sampler: samplerName.optional(),
  scheduler: schedulerName.optional(),
});

/** Fields of a second pass that a backend honours only where its capabilities say so. */
export const hiresOptions = ["sampler", "scheduler"] as const;
/** One of {@link hiresOptions}. */
export type HiresOption = (typeof hiresOptions)[number];

const GuidanceSchema = z.strictObject({
  mode: z.enum(["cfg", "cfg++", "apg", "cfg-zero-star"]).default("cfg"),
  rescale: z.number().min(0).max(1).default(0),
  start: z.number().min(0).max(1).default(0),
  end: z.number().min(0).max(1).default(1),
  scales: z.array(z.number().min(0).max(100)).min(1).optional(),
  pagScale: z.number().min(0).max(100).optional(),
  pagAdaptiveScale: z.number().min(0).max(100).optional(),
  pagLayers: z.array(z.string().min(1).max(200)).min(1).max(64).optional(),
  apgEta: z.number().min(0).max(1).optional(),
  apgMomentum: z.number().min(-1).max(1).optional(),
  apgNormThreshold: z.number().min(0).optional(),
});

const NoiseSchema = z.strictObject({
  source: z.enum(["torch-cpu", "nv"]).default("torch-cpu"),
  device: z
    .strictObject({
      multiProcessorCount: z.int().min(1).max(4096),
      maxThreadsPerMultiProcessor: z.int().min(256).max(65_536),
    })
    .optional(),
  convention: z.enum(["diffusers", "comfyui", "a1111"]).default("diffusers"),
  subseed: SeedSchema.optional(),
  subseedStrength: z.number().min(0).max(1).default(0),
  ensd: z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31)
    .default(0),
  resizeFrom: z.strictObject({ width: side, height: side }).optional(),
  stepSeedOffset: z.int().min(0).max(1).optional(),
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
  quality: z.int().min(1).max(100).default(90),
  embedRecipe: z.boolean().default(true),
  embedInputs: z.boolean().optional(),
  latent: z.boolean().optional(),
});

/** Fields that every task has. What is left out is decided by the backend and stands in the recipe. */
export const sharedFields = {
  model: z.string().min(1).optional(),
  width: side.optional(),
  height: side.optional(),
  count: z.int().min(1).max(10_000).default(1),
  seed: SeedSchema.optional(),
  steps: z.int().min(1).max(1000).optional(),
  guidanceScale: z.number().min(0).max(100).optional(),
  guidance: GuidanceSchema.optional(),
  sampler: samplerName.optional(),
  scheduler: schedulerName.optional(),
  samplerOptions: options.optional(),
  schedulerOptions: options.optional(),
  sigmas: z.array(z.number().nonnegative()).min(2).optional(),
  timesteps: z.array(z.number().nonnegative()).min(1).optional(),
  startStep: z.int().min(0).max(10_000).optional(),
  endStep: z.int().min(1).max(10_000).optional(),
  noise: NoiseSchema.optional(),
  clipSkip: z.int().min(1).max(24).optional(),
  conditioning: z.array(ConditioningSchema).max(100).default([]),
  loras: z.array(LoraSchema).default([]),
  embeddings: z.array(EmbeddingSchema).default([]),
  hires: HiresSchema.optional(),
  previewEvery: z.int().min(0).max(1000).default(0),
  output: OutputSchema.prefault({}),
  backendOptions: z.record(z.string(), z.record(z.string(), z.json())).default({}),
};

/** How the signs in a prompt may be read. */
export const promptSyntaxes = ["plain", "a1111", "comfyui"] as const;
/** `"plain"`, `"a1111"` or `"comfyui"`. */
export type PromptSyntax = (typeof promptSyntaxes)[number];

/** The prompt and its negative. */
export const promptFields = {
  prompt: z.string(),
  negativePrompt: z.string().optional(),
  promptSyntax: z.enum(promptSyntaxes).optional(),
};
