import type { Capabilities } from "@latentkit/core";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import type { ModelFolder } from "./model/model-folder.ts";
import { ownScheduler } from "./pipeline/settings.ts";

/** Largest side in pixels: beyond it the VAE alone takes tens of gigabytes. */
const maxSide = 2048;

/** What the engine can do with a model. */
export function capabilitiesOf({ identity, shape }: ModelFolder): Capabilities {
  const side = { min: shape.minSide, max: maxSide - (maxSide % shape.multipleOf), multipleOf: shape.multipleOf };
  return {
    backend: "local",
    model: identity,
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: [
      "negativePrompt",
      "seed",
      "steps",
      "guidanceScale",
      "sampler",
      "scheduler",
      "sigmas",
      "timesteps",
      "clipSkip",
      "previewEvery",
      "strength",
    ],
    conditioning: [],
    // CFG++ needs the unconditional estimate of each step, which this engine does not hand out yet.
    samplers: samplerNames.filter((name) => !name.endsWith("_cfg_pp")),
    schedulers: [ownScheduler, ...schedulerNames],
    outputFormats: ["png", "jpeg", "webp"],
    limits: { width: side, height: side },
    maxPromptTokens: shape.maxPositions - 2,
    resume: false,
  };
}
