import { type GenerationRequest, InvalidRequestError, type Issue, type PromptSyntax } from "@latentkit/core";
import {
  checkNoise,
  type Grid,
  type GuidanceSettings,
  type NoiseSettings,
  type Plan,
  readSamplerOptions,
  type Seed,
} from "@latentkit/core/diffusion";
import { familyOf } from "../families/families.ts";
import type { Traits } from "../families/traits.ts";
import type { Model } from "../models/model.ts";
import type { ModelDefaults } from "../models/model-defaults.ts";
import { ownPlan } from "../models/own-plan.ts";
import { type Steering, steeringOf } from "../prompts/steering.ts";
import { guidanceOf, guidanceOver, guidanceScaleOf, type PerturbedGuidance, perturbedOf } from "./choose-guidance.ts";
import { givesLevels, gridOf, ownScheduler, planOf } from "./choose-plan.ts";
import { distilledTimesteps } from "./distilled-timesteps.ts";
import { dynamicShiftOf } from "./dynamic-shift-of.ts";
import { defaultUpscaler } from "./interpolation.ts";

/** A request with every choice made. */
export interface Settings {
  width: number;
  height: number;
  count: number;
  seed: Seed;
  steps: number;
  guidanceScale: number;
  /** Scale of guidance by the picture (InstructPix2Pix). */
  imageGuidanceScale: number;
  /** Whether the picture has such a scale. */
  guidedByPicture: boolean;
  /** Whether sampling begins with the picture, noised. */
  startsFromPicture: boolean;
  guidance: GuidanceSettings;
  perturbed?: PerturbedGuidance | undefined;
  noise: NoiseSettings;
  /** The request's own, with sizes in pixels. */
  requestNoise: GenerationRequest["noise"];
  /** The second pass with what the request leaves open. */
  hires?: GenerationRequest["hires"];
  /** Whether each picture comes with its latent. */
  givesLatent: boolean;
  samplerOptions: Record<string, unknown>;
  clipSkip: number;
  previewEvery: number;
  /** How the prompts are read, where the model takes any. */
  promptSyntax?: PromptSyntax | undefined;
  /** Whether the request gave sigmas or timesteps. */
  ownLevels: boolean;
  plan: Plan;
  grid: Grid;
}

/**
 * Decides what a request leaves open, from the model's configs. Touches no file and loads nothing: the backend asks
 * before a request takes its turn, the engine again for the choices.
 *
 * @throws InvalidRequestError for what the model cannot do.
 */
export function settle(request: GenerationRequest, model: Model): Settings {
  const { traits, defaults } = model;
  const { clipSkip = 1, steps = defaults.steps ?? traits.steps ?? 20 } = request;
  if (clipSkip > Math.max(1, traits.textLayers)) {
    const message = `must be 1 to ${traits.textLayers}: the text encoder has ${traits.textLayers} layers`;
    throw invalid({ field: "clipSkip", message, allowed: { min: 1, max: traits.textLayers } });
  }
  checkScale(request, traits);
  checkStart(request, traits);
  checkClass(request, traits);
  const width = sideOf("width", request.width ?? traits.defaultWidth, traits);
  const height = sideOf("height", request.height ?? traits.defaultHeight, traits);
  const own = ownPlan(model.path, model.scheduler, {
    pipeline: model.pipeline,
    task: request.task,
    perturbed: (request.guidance?.pagScale ?? 0) > 0,
  });
  const { patchSize = 2 } = traits;
  const tokensOf = (side: number) => Math.max(1, Math.floor(side / (patchSize * traits.scale)));
  const { startsFromPicture } = traits;
  const tokens = tokensOf(width) * tokensOf(height);
  const levels = familyOf(model).levels?.(steps, tokens, model) ?? {};
  const shift = dynamicShiftOf(model.scheduler, tokens, levels.mu);
  const plan = planOf(withDefaults(request, defaults), own, { sigmaMax: defaults.sigmaMax, shift });
  const grid = gridOf(levelsOf(startsFromPicture ? request : withStrength(request, 1), plan, steps, traits), plan, {
    steps,
    tokens,
    ...(plan.scheduler === ownScheduler && plan.accepts?.includes("sigmas") ? levels : {}),
  });
  const ownLevels = givesLevels(request);
  const guidanceScale = guidanceScaleOf(request, plan, defaults.guidanceScale ?? traits.guidanceScale);
  // Where the network takes the scale itself, or takes none, there is one pass unless more is asked for.
  const guidance =
    traits.guidance !== "classifier-free"
      ? guidanceOf(request, familyOf(model).secondPassScale?.(request) ?? 1, plan)
      : guidanceOf(request, guidanceScale, plan, traits.unguidedScale);
  const pictureScale = "imageGuidanceScale" in request ? request.imageGuidanceScale : undefined;
  // Said now where the two don't fit: it would be refused in the first step.
  guidanceOver(guidance, grid);
  const settings: Settings = {
    width,
    height,
    count: request.count,
    seed: toSeed(request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!),
    steps: ownLevels ? (grid.whole ?? grid.sigmas).length - 1 : steps,
    guidanceScale,
    guidance,
    imageGuidanceScale: pictureScale ?? traits.imageGuidanceScale ?? 1,
    guidedByPicture: !startsFromPicture && traits.imageGuidanceScale !== undefined,
    startsFromPicture,
    perturbed: perturbedOf(request, traits.selfAttentions),
    noise: checkedNoise(noiseOf(request.noise, traits)),
    requestNoise: request.noise,
    hires: request.hires && { upscaler: defaultUpscaler, ...request.hires, steps: request.hires.steps ?? steps },
    givesLatent: request.output.latent === true,
    samplerOptions: readSamplerOptions(plan.sampler, request.samplerOptions ?? {}, plan),
    clipSkip,
    previewEvery: request.previewEvery,
    promptSyntax: syntaxOf(request, traits),
    ownLevels,
    plan,
    grid,
  };
  // A prompt that cannot be read is told of before the work begins.
  const { composes } = textsOver(request, settings, true);
  if (composes && !traits.startsFromPicture) {
    const message = "AND composes no prompts of a model that edits by instruction: leave it out";
    throw invalid({ field: "prompt", message });
  }
  return settings;
}

/** The texts of a request over its steps, and when each acts. */
export function textsOver(request: GenerationRequest, { steps, grid, plan }: Settings, guided: boolean): Steering {
  return steeringOf(request, { steps, run: grid.steps, sampler: plan.sampler, guided });
}

function syntaxOf(request: GenerationRequest, { features }: Traits): PromptSyntax | undefined {
  if (!("prompt" in request) || !features.includes("promptSyntax")) return undefined;
  return request.promptSyntax ?? "plain";
}

/** The request with the levels of a distilled model's image-to-image, where these are laid out by its strength. */
function levelsOf(request: GenerationRequest, plan: Plan, steps: number, traits: Traits): GenerationRequest {
  const asConfigured = plan.scheduler === ownScheduler && !givesLevels(request) && request.startStep === undefined;
  if (!traits.distilledSteps || request.task !== "image-to-image" || !asConfigured) return request;
  const { trainTimesteps } = plan.schedule;
  const timesteps = distilledTimesteps(steps, request.strength, traits.distilledSteps, trainTimesteps);
  return { ...request, strength: 1, timesteps };
}

function withStrength(request: GenerationRequest, strength: number): GenerationRequest {
  return "strength" in request ? { ...request, strength } : request;
}

/** The request's noise settings with their sizes in the latent's squares, rounded down as in A1111. */
function noiseOf(noise: GenerationRequest["noise"] = undefined, { scale }: Traits): NoiseSettings {
  if (noise?.resizeFrom === undefined) return noise ?? {};
  const { width, height } = noise.resizeFrom;
  return { ...noise, resizeFrom: { width: Math.floor(width / scale), height: Math.floor(height / scale) } };
}

/** The model's sampler and scheduler where the request names none; scheduler "diffusers" asks for neither. */
function withDefaults(request: GenerationRequest, defaults: ModelDefaults): GenerationRequest {
  if (request.scheduler === ownScheduler) return request;
  const { sampler = defaults.sampler, scheduler = defaults.scheduler } = request;
  return { ...request, ...(sampler && { sampler }), ...(scheduler && { scheduler }) };
}

/** The part of the settings that goes into the recipe. */
export function resolved(settings: Settings, { atOnce }: Pick<Traits, "atOnce"> = {}): Partial<GenerationRequest> {
  const { width, height, seed, steps, guidanceScale, promptSyntax, perturbed, plan } = settings;
  const { hires } = settings;
  if (atOnce) return { width, height };
  return {
    width,
    height,
    seed: typeof seed === "bigint" ? seed.toString() : seed,
    steps,
    guidanceScale,
    ...(settings.guidedByPicture ? { imageGuidanceScale: settings.imageGuidanceScale } : {}),
    ...(promptSyntax ? { promptSyntax } : {}),
    ...(perturbed ? { guidance: perturbed.recorded } : {}),
    ...(hires === undefined ? {} : { hires }),
    sampler: plan.sampler,
    // Levels of the request's own stand in a scheduler's place.
    ...(settings.ownLevels ? {} : { scheduler: plan.scheduler }),
  };
}

/** A model enlarges by what it was made for; what is made at once can be made smaller again. */
function checkScale(request: GenerationRequest, { enlarges, atOnce }: Traits): void {
  const scale = "scale" in request ? request.scale : enlarges;
  if (request.task !== "upscale" || enlarges === undefined || scale === enlarges) return;
  if (atOnce && scale! < enlarges) return;
  if (atOnce) {
    const message = `must be 1 to ${enlarges}, by which this network enlarges at most, not ${scale}`;
    throw invalid({ field: "scale", message, allowed: { min: 1, max: enlarges } });
  }
  const message = `must be ${enlarges}, by which this model enlarges, not ${scale}`;
  throw invalid({ field: "scale", message, allowed: [enlarges] });
}

/** A model that was trained on classes draws one of them. */
function checkClass(request: GenerationRequest, { classes }: Traits): void {
  if (classes === undefined || request.task !== "unconditional") return;
  const { classLabel } = request;
  if (classLabel !== undefined && classLabel < classes) return;
  const message = `must be 0 to ${classes - 1}, one of the model's ${classes} classes${classLabel === undefined ? "" : `, not ${classLabel}`}`;
  throw invalid({ field: "classLabel", message, allowed: { min: 0, max: classes - 1 } });
}

/** Where sampling begins with noise alone, there is no latent to begin with, nor to go on with. */
function checkStart(request: GenerationRequest, { startsFromPicture }: Traits): void {
  if (startsFromPicture || request.task === "text-to-image") return;
  const message = "must be left out: this model begins with noise alone, and with the first step";
  if ("latent" in request && request.latent !== undefined) throw invalid({ field: "latent", message });
  if ((request.startStep ?? 0) > 0) throw invalid({ field: "startStep", message });
}

/** Capabilities say the same of what a request names; this holds for every size, from wherever it comes. */
function sideOf(field: "width" | "height", side: number, { minSide: min, maxSide: max, multipleOf }: Traits): number {
  if (side >= min && side <= max && side % multipleOf === 0) return side;
  const message = `must be ${min} to ${max} and a multiple of ${multipleOf}, not ${side}`;
  throw invalid({ field, message, allowed: { min, max, multipleOf } });
}

function invalid(issue: Issue): InvalidRequestError {
  return new InvalidRequestError([issue], { backend: "local" });
}

function checkedNoise(noise: NoiseSettings): NoiseSettings {
  checkNoise(noise);
  return noise;
}

function toSeed(seed: number | string): Seed {
  return typeof seed === "string" ? BigInt(seed) : seed;
}
