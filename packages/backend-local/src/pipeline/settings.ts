import type { GenerationRequest } from "@latentkit/core";
import { InvalidRequestError } from "@latentkit/core";
import {
  type Grid,
  type GridRequest,
  makePlan,
  type Plan,
  type SamplerName,
  type SchedulerName,
  type Seed,
} from "@latentkit/core/diffusion";
import type { ModelFolder } from "../model/model-folder.ts";
import { ownPlan } from "../model/own-plan.ts";

/** A request with every choice made. */
export interface Settings {
  width: number;
  height: number;
  count: number;
  seed: Seed;
  steps: number;
  guidanceScale: number;
  clipSkip: number;
  previewEvery: number;
  prompt: string;
  negativePrompt: string;
  /** Whether the request gave sigmas or timesteps. */
  ownLevels: boolean;
  plan: Plan;
  grid: Grid;
}

/** The scheduler's name that stands for the model's own scheduler_config.json. */
export const ownScheduler = "diffusers";

/**
 * Decides what a request leaves open, from the model's configs.
 *
 * @throws InvalidRequestError for what the model cannot do, before anything is loaded.
 */
export function settle(request: GenerationRequest, model: ModelFolder): Settings {
  const { shape } = model;
  const { clipSkip = 1, steps = 20, guidanceScale = 7.5 } = request;
  if (clipSkip > shape.textLayers) {
    const message = `must be 1 to ${shape.textLayers}: the text encoder has ${shape.textLayers} layers`;
    throw new InvalidRequestError([{ field: "clipSkip", message, allowed: { min: 1, max: shape.textLayers } }]);
  }
  const plan = planOf(request, ownPlan(model.path, model.scheduler));
  const grid = plan.grid(gridRequest(request, steps));
  return {
    width: request.width ?? shape.defaultWidth,
    height: request.height ?? shape.defaultHeight,
    count: request.count,
    seed: toSeed(request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!),
    steps: givesLevels(request) ? (grid.nominalSteps ?? grid.steps + grid.offset) : steps,
    guidanceScale,
    clipSkip,
    previewEvery: request.previewEvery,
    prompt: "prompt" in request ? (request.prompt ?? "") : "",
    negativePrompt: "negativePrompt" in request ? (request.negativePrompt ?? "") : "",
    ownLevels: givesLevels(request),
    plan,
    grid,
  };
}

/** The part of the settings that goes into the recipe. */
export function resolved(settings: Settings): Partial<GenerationRequest> {
  const { width, height, seed, steps, guidanceScale, plan } = settings;
  return {
    width,
    height,
    seed: typeof seed === "bigint" ? seed.toString() : seed,
    steps,
    guidanceScale,
    sampler: plan.sampler,
    // Levels of the request's own stand in a scheduler's place.
    ...(settings.ownLevels ? {} : { scheduler: plan.scheduler }),
  };
}

/** Which steps to run: a number of them, unless the request gives the levels themselves. */
function gridRequest(request: GenerationRequest, steps: number): GridRequest {
  const { sigmas, timesteps } = request;
  const levels = sigmas ? { sigmas } : timesteps ? { timesteps } : { steps };
  return { ...levels, strength: "strength" in request ? request.strength : 1 };
}

/** The model's own plan, unless the request names another sampler or scheduler, or the levels themselves. */
function planOf(request: GenerationRequest, own: Plan): Plan {
  const { sampler = own.sampler, scheduler } = request;
  const otherSampler = sampler !== own.sampler;
  if (scheduler === ownScheduler && otherSampler) {
    const message = `"${ownScheduler}" is the model's own, which goes with sampler "${own.sampler}"; name another scheduler`;
    throw new InvalidRequestError([{ field: "scheduler", message }]);
  }
  const asConfigured = scheduler === undefined || scheduler === ownScheduler;
  if (asConfigured && !otherSampler && !givesLevels(request)) return own;
  return makePlan({
    sampler: sampler as SamplerName,
    scheduler: asConfigured ? "normal" : (scheduler as SchedulerName),
    schedule: own.schedule,
    prediction: own.prediction,
  });
}

function givesLevels({ sigmas, timesteps }: GenerationRequest): boolean {
  return sigmas !== undefined || timesteps !== undefined;
}

function toSeed(seed: number | string): Seed {
  return typeof seed === "string" ? BigInt(seed) : seed;
}
