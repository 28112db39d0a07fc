import type { GenerationRequest } from "@latentkit/core";
import { InvalidRequestError } from "@latentkit/core";
import {
  type Grid,
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
  const strength = "strength" in request ? request.strength : 1;
  return {
    width: request.width ?? shape.defaultWidth,
    height: request.height ?? shape.defaultHeight,
    count: request.count,
    seed: toSeed(request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!),
    steps,
    guidanceScale,
    clipSkip,
    previewEvery: request.previewEvery,
    prompt: "prompt" in request ? (request.prompt ?? "") : "",
    negativePrompt: "negativePrompt" in request ? (request.negativePrompt ?? "") : "",
    plan,
    grid: plan.grid({ steps, strength }),
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
    scheduler: plan.scheduler,
  };
}

/** The model's own plan, unless the request names another sampler or scheduler. */
function planOf({ sampler, scheduler }: GenerationRequest, own: Plan): Plan {
  const otherSampler = sampler !== undefined && sampler !== own.sampler;
  if (scheduler === ownScheduler && otherSampler) {
    const message = `"${ownScheduler}" is the model's own, which goes with sampler "${own.sampler}"; name another scheduler`;
    throw new InvalidRequestError([{ field: "scheduler", message }]);
  }
  if (!otherSampler && (scheduler === undefined || scheduler === ownScheduler)) return own;
  return makePlan({
    sampler: (sampler ?? own.sampler) as SamplerName,
    scheduler: (scheduler ?? "normal") as SchedulerName,
    schedule: own.schedule,
    prediction: own.prediction,
  });
}

function toSeed(seed: number | string): Seed {
  return typeof seed === "string" ? BigInt(seed) : seed;
}
