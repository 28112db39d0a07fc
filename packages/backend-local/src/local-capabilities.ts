import {
  type Capabilities,
  type Defaults,
  type FeatureName,
  type GenerationRequest,
  hiresOptions,
  parseRequest,
} from "@latentkit/core";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import { engineBytes, mostWhole, wholeBytes } from "./families/shared/vae-memory.ts";
import { promptTokens, type Traits } from "./families/traits.ts";
import type { Model } from "./models/model.ts";
import { ownScheduler } from "./pipeline/choose-plan.ts";
import { settle } from "./pipeline/settings.ts";

const controlOptions = ["prepare", "preprocessor"] as const;
/** Of UNets, beside. */
const unetOptions = ["softWeights", "guessMode", "imageEncoder", "mask"] as const;

/** What the pipeline gives every family that samples. */
const sampled: readonly FeatureName[] = [
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
];

/** What the engine can do with a model. */
export function capabilitiesOf(model: Model): Capabilities {
  const { identity, traits } = model;
  const { enlarges } = traits;
  const side = { min: traits.minSide, max: traits.maxSide, multipleOf: traits.multipleOf };
  return {
    backend: "local",
    model: identity,
    tasks: traits.tasks,
    features: [
      ...traits.features,
      ...(traits.atOnce ? [] : sampled),
      ...(secondPasses(traits) ? ["hires" as const] : []),
    ],
    conditioning: traits.conditioning,
    ...(secondPasses(traits) ? { hiresOptions } : {}),
    ...(traits.conditioning.includes("control")
      ? { conditioningOptions: [...controlOptions, ...(traits.conditioning.includes("text") ? unetOptions : [])] }
      : {}),
    samplers: traits.atOnce ? [] : samplerNames,
    schedulers: traits.atOnce ? [] : [ownScheduler, ...schedulerNames],
    outputFormats: ["png", "jpeg", "webp"],
    limits: {
      width: side,
      height: side,
      ...(enlarges === undefined ? {} : { scale: { min: traits.atOnce ? 1 : enlarges, max: enlarges } }),
      ...(traits.atOnce ? { count: { min: 1, max: 1 } } : {}),
    },
    defaults: defaultsOf(model),
    ...promptLimit(traits),
    usdPerImage: 0,
    ...memoryOf(model),
    resume: false,
  };
}

/** Whether what was made can be gone on with: larger, by an image-to-image or an inpaint. */
function secondPasses({ tasks, startsFromPicture, atOnce }: Traits): boolean {
  return !atOnce && startsFromPicture && (tasks.includes("image-to-image") || tasks.includes("inpaint"));
}

/** Decoding takes the most of a job, and grows with the picture; above this it is done in stripes. */
function memoryOf({ parts, traits }: Model): Pick<Capabilities, "memory"> {
  const levels = parts["vae"]?.config["block_out_channels"];
  if (!Array.isArray(levels) || !levels.every((level) => typeof level === "number")) return {};
  const latent = wholeBytes({ block_out_channels: levels as number[] }, { half: "decoder", height: 1, width: 1 });
  return { memory: { baseBytes: engineBytes, bytesPerPixel: latent / traits.scale ** 2, mostBytes: mostWhole } };
}

/** What the model does where a request says no more than its task. */
function defaultsOf(model: Model): Defaults {
  if (model.traits.atOnce) return { scale: model.traits.enlarges! };
  const [task = "text-to-image"] = model.traits.tasks;
  const silent = { ...parseRequest({ prompt: "" }), task, classLabel: 0 } as GenerationRequest;
  const { width, height, steps, guidanceScale, plan } = settle(silent, model);
  const { enlarges: scale } = model.traits;
  const ofModel = { width, height, steps, guidanceScale, sampler: plan.sampler, scheduler: plan.scheduler };
  return { ...ofModel, ...(scale === undefined ? {} : { scale }) };
}

/** The tightest of the model's text encoders. */
function promptLimit({ tokenizers }: Traits): { maxPromptTokens?: number } {
  const maxPromptTokens = promptTokens(tokenizers);
  return maxPromptTokens === undefined ? {} : { maxPromptTokens };
}
