import {
  type Capabilities,
  controlTypes,
  type Defaults,
  type FeatureName,
  imageFormats,
  type Range,
  type Task,
} from "@latentkit/core";
import { controlSlots } from "./mapping/conditioning.ts";
import { familyOf } from "./mapping/families.ts";
import type { Family } from "./mapping/family.ts";
import { loraSlots } from "./mapping/loras.ts";
import { findInput } from "./mapping/mapping.ts";
import type { Role } from "./mapping/roles.ts";
import { samplerPairs } from "./mapping/sampler.ts";
import { defaultSize, sideLimits } from "./mapping/size.ts";
import type { ModelSchema } from "./model/input-schema.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";
import { backendId } from "./replicate-error.ts";

/** What can be asked of a model, read from its schema. */
export function capabilitiesOf(model: ResolvedModel, resume: boolean): Capabilities {
  const { schema } = model;
  const modelId = `${model.owner ?? ""}/${model.name ?? ""}`.toLowerCase();
  const family = familyOf(modelId, schema);
  const find = (role: Role) => findInput(role, schema, family);
  const view = { find, family, schema };
  const pairs = samplerPairs(view);
  const controls = controlSlots(view).length > 0;
  const fixed = family.control?.(modelId);
  return {
    backend: backendId,
    model: model.identity,
    tasks: tasksOf(schema, family, find),
    features: featuresOf(find, loraSlots(view).length > 0, pairs, previews(schema, find)),
    conditioning: [
      ...(find("imagePrompt") ? ["image-prompt" as const] : []),
      ...(controls ? ["control" as const] : []),
    ],
    ...(controls ? { controls: fixed === undefined ? controlsOf(find("controlType")?.enum, family) : [fixed] } : {}),
    samplers: [...new Set(pairs.flatMap(({ pair, value }) => [pair.sampler, value]))],
    schedulers: [...new Set(pairs.map(({ pair }) => pair.scheduler ?? "normal"))],
    outputFormats: imageFormats,
    limits: limitsOf(find, (side) => sideLimits(view, side)),
    defaults: defaultsOf(view),
    resume,
  };
}

/** Whether an iterator's items are unfinished states of one picture, rather than several pictures. */
export function previews({ output }: ModelSchema, find: (role: Role) => unknown): boolean {
  return output.iterator && find("count") === undefined;
}

/** What the model's schema says for what a request leaves open. */
function defaultsOf(view: Parameters<typeof samplerPairs>[0]): Defaults {
  const numbers = Object.fromEntries(
    (["steps", "guidanceScale"] as const).flatMap((role) => {
      const value = view.find(role)?.default;
      return typeof value === "number" ? [[role, value] as const] : [];
    }),
  );
  return { ...defaultSize(view), ...numbers };
}

function tasksOf(schema: ModelSchema, family: Family, find: (role: Role) => { required: boolean } | undefined): Task[] {
  if (family.tasks !== undefined) return [...family.tasks];
  const image = find("image");
  const tasks: Task[] = [];
  const prompted = find("prompt") !== undefined;
  if (prompted && !image?.required) tasks.push("text-to-image");
  if (!prompted && image === undefined && ![...schema.inputs.values()].some(({ required }) => required))
    tasks.push("unconditional");
  if (image !== undefined && prompted && find("scale") === undefined) tasks.push("image-to-image");
  if (image !== undefined && find("mask") !== undefined) tasks.push("inpaint", "outpaint");
  if (image !== undefined && (find("scale") !== undefined || !prompted)) tasks.push("upscale");
  return tasks;
}

function featuresOf(
  find: (role: Role) => unknown,
  loras: boolean,
  pairs: ReturnType<typeof samplerPairs>,
  previewed: boolean,
): FeatureName[] {
  // Every image task has a strength; where the model has no input for it the mapping warns.
  const features: FeatureName[] = ["strength"];
  for (const role of ["negativePrompt", "seed", "steps", "guidanceScale", "clipSkip"] as const)
    if (find(role) !== undefined) features.push(role);
  if (pairs.length > 0) features.push("sampler", "scheduler");
  if (loras) features.push("loras");
  if (previewed) features.push("previewEvery");
  return features;
}

function controlsOf(words: readonly (string | number)[] | undefined, family: Family): readonly string[] | "any" {
  const own = Object.keys(family.controlTypes ?? {});
  if (own.length > 0) return own;
  if (words === undefined) return "any";
  const plain = words.map((word) => String(word).toLowerCase().replace(/[-_ ]/g, ""));
  return controlTypes.filter((type) => plain.some((word) => word.includes(type.replace("-", ""))));
}

function limitsOf(
  find: (role: Role) => { min?: number; max?: number; enum?: readonly (string | number)[] } | undefined,
  side: (name: "width" | "height") => Range | undefined,
): Capabilities["limits"] {
  const limits: Capabilities["limits"] = {};
  for (const role of ["steps", "guidanceScale", "scale", "seed"] as const) {
    const property = find(role);
    const { min, max } = property ?? {};
    if (min !== undefined || max !== undefined) limits[role] = { min: min ?? 0, max: max ?? Number.MAX_SAFE_INTEGER };
  }
  const [width, height] = [side("width"), side("height")];
  return { ...limits, ...(width ? { width } : {}), ...(height ? { height } : {}) };
}
