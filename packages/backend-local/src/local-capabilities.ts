import type { Capabilities } from "@latentkit/core";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import type { ModelFolder } from "./models/model-folder.ts";
import { ownScheduler } from "./pipeline/choose-plan.ts";

/** What the engine can do with a model. */
export function capabilitiesOf({ identity, shape }: ModelFolder): Capabilities {
  const side = { min: shape.minSide, max: shape.maxSide, multipleOf: shape.multipleOf };
  return {
    backend: "local",
    model: identity,
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: [
      "negativePrompt",
      "seed",
      "steps",
      "guidanceScale",
      "guidance",
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
      "clipSkip",
      "previewEvery",
      "strength",
    ],
    conditioning: [],
    samplers: samplerNames,
    schedulers: [ownScheduler, ...schedulerNames],
    outputFormats: ["png", "jpeg", "webp"],
    limits: { width: side, height: side },
    maxPromptTokens: shape.maxPositions - 2,
    resume: false,
  };
}
