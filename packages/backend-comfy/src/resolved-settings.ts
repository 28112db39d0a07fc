import type { GenerationRequest } from "@latentkit/core";
import type { Plan } from "./graph/plan.ts";
import { syntaxOf } from "./plan/prompt-syntax.ts";

/** Settings that the plan decided where the request was silent. */
export function resolvedBy(plan: Plan): Partial<GenerationRequest> {
  const { width, height, steps, guidanceScale, sampler, scheduler, model, request } = plan;
  const samples = request.task !== "upscale" || plan.prompt !== "";
  if (!samples) return plan.upscaleModel === undefined ? {} : { model: plan.upscaleModel };
  const size = request.task === "outpaint" || request.task === "upscale" ? {} : { width, height };
  const named = request.task === "upscale" || model === undefined ? {} : { model: model.name };
  const read = request.task === "unconditional" ? {} : { promptSyntax: syntaxOf(request) };
  return {
    ...named,
    ...size,
    ...read,
    ...(request.sigmas === undefined ? { steps, scheduler } : {}),
    guidanceScale,
    sampler,
  };
}
