import type { GenerationRequest } from "@latentkit/core";
import type { Guidance } from "@latentkit/core/diffusion";
import type { EngineJob } from "../engine/protocol.ts";
import type { FamilyJob, LatentDims } from "../families/family.ts";
import type { Model } from "../models/model.ts";
import { guidanceOver } from "./choose-guidance.ts";
import { type Settings, settle, textsOver } from "./settings.ts";

/** A request over a model, as its family is told of it. @throws InvalidRequestError for what the model cannot do. */
export function familyJob(request: GenerationRequest, model: Model, inputs: EngineJob["inputs"]): FamilyJob {
  const settings = settle(request, model);
  const { scale, latentChannels } = model.traits;
  const dims: LatentDims = [latentChannels, settings.height / scale, settings.width / scale];
  const { perturbed } = settings;
  const isGuided = inAnyStep(settings, ({ needsUncond }, i) => needsUncond(i));
  const steering = textsOver(request, settings, isGuided);
  const perturbs = perturbed && inAnyStep(settings, ({ needsPerturbed }, i) => needsPerturbed(i));
  return {
    request,
    settings,
    inputs,
    dims,
    guided: isGuided || steering.composes,
    steering,
    perturbedLayers: perturbs ? perturbed.layers : undefined,
  };
}

function inAnyStep({ guidance, grid }: Settings, needs: (guidance: Guidance, index: number) => boolean): boolean {
  const over = guidanceOver(guidance, grid);
  return Array.from({ length: grid.steps }, (_, i) => needs(over, i)).includes(true);
}
