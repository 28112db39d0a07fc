import type { Capabilities } from "@latentkit/core";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import type { Traits } from "./families/traits.ts";
import type { Model } from "./models/model.ts";
import { ownScheduler } from "./pipeline/choose-plan.ts";

/** What the engine can do with a model. */
export function capabilitiesOf({ identity, traits }: Model): Capabilities {
  const side = { min: traits.minSide, max: traits.maxSide, multipleOf: traits.multipleOf };
  return {
    backend: "local",
    model: identity,
    tasks: traits.tasks,
    features: [
      ...traits.features,
      "seed",
      "steps",
      "guidanceScale",
      "sampler",
      "scheduler",
      "samplerOptions",
      "schedulerOptions",
      "noise",
      "sigmas",
      "timesteps",
      "startStep",
      "endStep",
      "latent",
      "previewEvery",
    ],
    conditioning: traits.conditioning,
    samplers: samplerNames,
    schedulers: [ownScheduler, ...schedulerNames],
    outputFormats: ["png", "jpeg", "webp"],
    limits: { width: side, height: side },
    ...promptLimit(traits),
    resume: false,
  };
}

/** The tightest of the model's text encoders, less the begin and end tokens. */
function promptLimit({ tokenizers }: Traits): { maxPromptTokens?: number } {
  const limits = Object.values(tokenizers).map(({ maxPositions }) => maxPositions - 2);
  return limits.length === 0 ? {} : { maxPromptTokens: Math.min(...limits) };
}
