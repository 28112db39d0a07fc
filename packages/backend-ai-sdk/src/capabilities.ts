import type { Capabilities, FeatureName, Task } from "@latentkit/core";
import { type AiSdkModel, backendId, type ResolvedAiSdkOptions } from "./ai-sdk-options.ts";

/** What a model does: what it says of itself, what its provider is known for, what the options say. */
export async function capabilitiesOf(model: AiSdkModel, options: ResolvedAiSdkOptions): Promise<Capabilities> {
  const { seed, maxSeed, fields } = options;
  const edits = await editsOf(model, options);
  const tasks: Task[] = ["text-to-image"];
  if (edits !== false) tasks.push("image-to-image");
  if (edits === "mask") tasks.push("inpaint");
  const features: FeatureName[] = [...(seed ? ["seed" as const] : []), ...(Object.keys(fields) as FeatureName[])];
  const missing =
    "is no setting of the AI SDK's: give the provider's own in backendOptions, or name it by the option fields";
  return {
    backend: backendId,
    model: { id: `${model.provider}/${model.modelId}` },
    tasks,
    features,
    missing: { negativePrompt: missing, steps: missing, guidanceScale: missing },
    conditioning: edits === false ? [] : ["reference"],
    samplers: [],
    schedulers: [],
    outputFormats: ["png", "jpeg", "webp"],
    limits: seed ? { seed: { min: 0, max: maxSeed } } : {},
    resume: false,
  };
}

async function editsOf(model: AiSdkModel, { edits }: ResolvedAiSdkOptions): Promise<false | "files" | "mask"> {
  if (edits !== undefined) return edits;
  if (model.specificationVersion !== "v4" || (await model.supportsFileInputs) !== true) return false;
  return (await model.supportsMaskInputs) === true ? "mask" : "files";
}
