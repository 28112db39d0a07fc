import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";
import { type Grid, type Guidance, type GuidanceSettings, makeGuidance, type Plan } from "@latentkit/core/diffusion";
import { matchLayers } from "./match-layers.ts";

type RequestGuidance = NonNullable<GenerationRequest["guidance"]>;

/** Perturbed-attention guidance of a request that asks for it. */
export interface PerturbedGuidance {
  /** The self-attentions that the perturbed pass does without, by name. */
  layers: readonly string[];
  /** The request's guidance with its choice of layers made: for the recipe. */
  recorded: RequestGuidance;
}

/** CFG++'s scale where a request names none, the paper's own: a model's default is meant for another method. */
const plusScale = 0.6;

/** Scale of guidance: the request's, else the model's. */
export function guidanceScaleOf({ guidanceScale }: GenerationRequest, plan: Plan, byDefault: number): number {
  return guidanceScale ?? (isPlus(plan) ? plusScale : byDefault);
}

/** CFG++ is a way of guidance and a kind of sampler: neither does anything without the other. `unguided` is the scale that is none. */
export function guidanceOf(
  { guidance = { mode: "cfg", rescale: 0, start: 0, end: 1 } }: GenerationRequest,
  scale: number,
  plan: Plan,
  unguided: 0 | 1 = 1,
): GuidanceSettings {
  const plus = isPlus(plan);
  if (guidance.mode === "cfg++" && !plus) {
    throw invalid(`"cfg++" needs a sampler whose name ends in _cfg_pp, not "${plan.sampler}"`);
  }
  if (plus && guidance.mode !== "cfg++" && guidance.mode !== "cfg") {
    throw invalid(`must be "cfg++" with sampler "${plan.sampler}"`);
  }
  if (plus) return { ...guidance, mode: "cfg++", scale };
  // A scale of 1 (or 0) and below is none, as in diffusers; CFG++ has its own range, from 0 to 1.
  const fromNone = (each: number) => Math.max(1, each + 1 - unguided);
  return { ...guidance, scale: fromNone(scale), scales: guidance.scales?.map(fromNone) };
}

/** Which of the UNet's `selfAttentions` a request's perturbed pass does without: the middle's, as in diffusers, unless it names them. */
export function perturbedOf(
  { guidance }: GenerationRequest,
  selfAttentions: readonly string[],
): PerturbedGuidance | undefined {
  if (!guidance?.pagScale) return undefined;
  const { pagLayers = ["mid"] } = guidance;
  return { layers: matchLayers(pagLayers, selfAttentions), recorded: { ...guidance, pagLayers } };
}

/** Guidance over the steps of one image. Where there are none, there is nothing to guide. */
export function guidanceOver(guidance: GuidanceSettings, { steps }: Grid): Guidance {
  return steps === 0 ? makeGuidance({ scale: 1 }, 1) : makeGuidance(guidance, steps);
}

function isPlus({ sampler }: Plan): boolean {
  return sampler.endsWith("_cfg_pp");
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ field: "guidance.mode", message }], { backend: "local" });
}
