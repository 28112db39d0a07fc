import type { Capabilities, Defaults, FeatureName, Range } from "@latentkit/core";
import { backendId, invalidError } from "./comfy-error.ts";
import type { Family, ResolvedOptions } from "./comfy-options.ts";
import { emptyLatentNode } from "./graph/text-to-image.ts";
import { hasIpAdapter } from "./plan/controls.ts";
import { defaultGuidance, defaultSteps, familyDefaults, guessFamily } from "./plan/family.ts";
import { type FoundModel, findModel, onlyModel } from "./plan/find-model.ts";
import { hasReferences, takesReferences } from "./plan/references.ts";
import { extraSchedulers } from "./plan/sampling-options.ts";
import type { ObjectInfo } from "./server/object-info.ts";

/** One graph holds all pictures of a request: more than this many makes it unwieldy for the server. */
export const maxCount = 256;

/**
 * What a server can do with a model, from its node definitions.
 *
 * @throws InvalidRequestError when the server does not have the model.
 */
export function capabilitiesOf(
  info: ObjectInfo,
  options: ResolvedOptions,
  wanted?: string,
  architecture?: string,
): Capabilities {
  const name = wanted ?? options.checkpoint ?? options.model;
  const found =
    name === undefined
      ? onlyModel(info)
      : findModel(name, info, "model", ["checkpoint", "diffusion-model", "upscale-model"]);
  if ("issue" in found && name !== undefined) throw invalidError([found.issue]);
  const model = "issue" in found ? undefined : found;
  const family = options.family ?? guessFamily(model?.name ?? "", architecture);
  return {
    backend: backendId,
    ...(model === undefined ? {} : { model: { id: model.name } }),
    tasks: tasksOf(info, family, model),
    features: featuresOf(info, family),
    missing: missingOf(info),
    conditioning: [
      "text",
      ...(info.has("ControlNetApplyAdvanced") ? ["control" as const] : []),
      ...(takesReferences(family, model?.name ?? "")
        ? hasReferences(info, family)
          ? ["image-prompt" as const]
          : []
        : hasIpAdapter(info)
          ? ["image-prompt" as const]
          : []),
    ],
    controls: "any",
    promptSyntaxes: ["plain", "comfyui"],
    samplers: info.choices("KSampler", "sampler_name"),
    schedulers: [
      ...info.choices("KSampler", "scheduler"),
      ...extraSchedulers(info),
      ...(family === "flux2" ? ["flux2"] : []),
    ],
    outputFormats: ["png", "jpeg", "webp"],
    limits: limitsOf(info, family),
    keepsUnmasked: true,
    ...(model?.kind === "upscale-model" ? {} : { defaults: defaultsOf(family, model?.name ?? "") }),
    resume: true,
  };
}

/** What the family's authors give for what a request leaves open. */
function defaultsOf(family: Family, model: string): Defaults {
  const { side, sampler, scheduler } = familyDefaults[family];
  const guidanceScale = defaultGuidance(family, model);
  return { width: side, height: side, steps: defaultSteps(family, model), guidanceScale, sampler, scheduler };
}

function tasksOf(info: ObjectInfo, family: Family, model: FoundModel | undefined): Capabilities["tasks"] {
  const upscale = info.has("ImageScale") ? (["upscale"] as const) : [];
  if (model?.kind === "upscale-model") return upscale;
  if (family !== "sd" && family !== "sdxl") return ["text-to-image", "image-to-image", ...upscale];
  return ["text-to-image", "image-to-image", "inpaint", "outpaint", ...upscale, "unconditional"];
}

function featuresOf(info: ObjectInfo, family: Family): FeatureName[] {
  const classic: FeatureName[] = family === "sd" || family === "sdxl" ? ["clipSkip"] : [];
  const guided: FeatureName[] = family === "flux" ? [] : ["negativePrompt", "guidance"];
  const sigmas: FeatureName[] = info.has("ManualSigmas") ? ["sigmas"] : [];
  const optional: FeatureName[] = info.has("SamplerCustom")
    ? ["samplerOptions", "schedulerOptions", "startStep", "endStep"]
    : [];
  const always: FeatureName[] = ["seed", "steps", "guidanceScale", "sampler", "scheduler", "loras", "embeddings"];
  return [
    ...always,
    "promptSyntax",
    "hires",
    "previewEvery",
    "strength",
    ...classic,
    ...guided,
    ...sigmas,
    ...optional,
  ];
}

/** Features that other servers have: what this one lacks for them. */
function missingOf(info: ObjectInfo): NonNullable<Capabilities["missing"]> {
  const fromCustom = ["samplerOptions", "schedulerOptions", "startStep", "endStep"] as const;
  const nodes: Partial<Record<FeatureName, string>> = {
    sigmas: "ManualSigmas",
    ...Object.fromEntries(fromCustom.map((field) => [field, "SamplerCustom"])),
  };
  const lacking = Object.entries(nodes).filter(([, node]) => !info.has(node));
  return Object.fromEntries(
    lacking.map(([field, node]) => [field, `needs the node ${node}, which the server lacks: update ComfyUI`]),
  );
}

function limitsOf(info: ObjectInfo, family: Family): Capabilities["limits"] {
  const latent = emptyLatentNode(family);
  const { multipleOf } = familyDefaults[family];
  const range = (node: string, input: string, step?: number): Range | undefined => {
    const spec = info.input(node, input);
    if (spec?.kind !== "number" || spec.min === undefined || spec.max === undefined) return undefined;
    return {
      min: Number(spec.min),
      max: Number(spec.max),
      ...(step === undefined ? {} : { multipleOf: spec.step ?? step }),
    };
  };
  const found = {
    width: range(latent, "width", multipleOf),
    height: range(latent, "height", multipleOf),
    steps: range("KSampler", "steps"),
    guidanceScale: range("KSampler", "cfg"),
  };
  const known = Object.entries(found).filter((entry): entry is [keyof typeof found, Range] => entry[1] !== undefined);
  return { ...Object.fromEntries(known), count: { min: 1, max: maxCount } };
}
