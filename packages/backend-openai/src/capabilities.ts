import type { Capabilities, FeatureName } from "@latentkit/core";
import { freeSides, imageModel } from "./image-models.ts";
import { backendId, type ExtraField, type ResolvedOpenAiOptions } from "./openai-options.ts";

/** What a model does, as OpenAI documents it; at another address, what the options say that the server takes. */
export function capabilitiesOf(model: string | undefined, options: ResolvedOpenAiOptions): Capabilities {
  const { isOpenAi, extras } = options;
  const known = isOpenAi ? imageModel(model) : undefined;
  const { sizes, qualities, inputFidelities } = known ?? {};
  const isFree = known !== undefined && sizes === undefined;
  const takes = Object.keys(extras) as ExtraField[];
  const features: FeatureName[] = ["previewEvery", ...takes];
  return {
    backend: backendId,
    ...(model === undefined ? {} : { model: { id: model } }),
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features,
    missing: missingOf(options),
    conditioning: ["reference"],
    samplers: takes.includes("sampler") ? "any" : [],
    schedulers: takes.includes("scheduler") ? "any" : [],
    outputFormats: ["png", "jpeg", "webp"],
    limits: isFree ? { width: freeSides, height: freeSides } : {},
    ...(sizes === undefined ? {} : { sizes, defaults: { width: 1024, height: 1024 } }),
    options: {
      ...(qualities === undefined ? {} : { quality: qualities }),
      ...(inputFidelities === undefined ? {} : { input_fidelity: inputFidelities }),
      ...(isOpenAi ? { background: ["auto", "opaque", "transparent"], moderation: ["auto", "low"] } : {}),
      partial_images: [0, 1, 2, 3],
    },
    resume: false,
  };
}

/** Why the usual fields of a diffusion model have no effect. */
function missingOf({ isOpenAi, extras }: ResolvedOpenAiOptions): NonNullable<Capabilities["missing"]> {
  const message = isOpenAi
    ? "OpenAI's image models have no such setting: leave it out"
    : "is not among the fields that this server takes, by the option extras: leave it out, or add it there";
  const fields: readonly ExtraField[] = ["seed", "steps", "negativePrompt", "guidanceScale", "sampler", "scheduler"];
  return Object.fromEntries(fields.filter((field) => !(field in extras)).map((field) => [field, message]));
}
