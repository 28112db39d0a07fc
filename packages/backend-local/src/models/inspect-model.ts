import { withHubCache } from "../files/hub-cache.ts";
import type { ModelPart } from "./model.ts";
import type { ModelDefaults } from "./model-defaults.ts";
import { openWeights } from "./open-weights.ts";
import { ownPlan } from "./own-plan.ts";
import { folderNameOf } from "./part-folder.ts";
import { readModel } from "./read-model.ts";

/** One network of a model, as its files say. */
export interface ComponentInfo {
  /** Its folder's name: `"unet"`, `"vae"`, `"text_encoder"`. */
  name: string;
  /** Class in its config.json, such as `"UNet2DConditionModel"`. */
  architecture: string;
  /** Elements of all tensors. */
  parameters: number;
  /** Bytes of all tensors. */
  bytes: number;
  /** Element types as safetensors names them, the one with most bytes first. */
  dtypes: string[];
}

/** What a model folder holds. Plain data. */
export interface ModelInfo {
  id: string;
  /** Absolute path. */
  path: string;
  /** Same hash, same output: what a recipe notes. */
  hash: string;
  components: ComponentInfo[];
  /** Diffusers' class, what it is run as here, and what the network predicts. */
  scheduler: { class: string; sampler: string; scheduler: string; prediction: string };
  /** Size in pixels that the model was trained at, and what each side must be a multiple of and at least. */
  size: { width: number; height: number; multipleOf: number; min: number };
  /** What the model wants where a request is silent: its latentkit.json. */
  defaults: ModelDefaults;
  /** Longest prompt in tokens. */
  maxPromptTokens: number;
}

/**
 * Reads what a model folder holds: configs, the tokenizer and the weights' headers, no weights. All is checked that can be
 * without running the model: every tensor's name, shape and type against the configs.
 *
 * @param folder a path or file URL of a folder in the diffusers layout, or `owner/name` of the Hub's cache.
 * @param variant as in {@link LocalOptions}.
 * @throws {@link ModelError} naming the file and what is wrong.
 */
export async function inspectModel(folder: string, variant?: string): Promise<ModelInfo> {
  const model = await withHubCache(folder, (path) => readModel(path, { variant }));
  // The networks are only needed here: whoever imports the package does not load them.
  const { checkModel } = await import("./check-model.ts");
  await checkModel(model);
  const { identity, path, traits, scheduler, parts } = model;
  const plan = ownPlan(path, scheduler, { pipeline: model.pipeline });
  return {
    id: identity.id,
    path,
    hash: identity.hash ?? "",
    components: await Promise.all(Object.entries(parts).map(([name, part]) => inspectPart(folderNameOf(name), part))),
    scheduler: {
      class: String(scheduler._class_name ?? "unknown"),
      sampler: plan.sampler,
      scheduler: plan.scheduler,
      prediction: plan.prediction,
    },
    size: {
      width: traits.defaultWidth,
      height: traits.defaultHeight,
      multipleOf: traits.multipleOf,
      min: traits.minSide,
    },
    defaults: model.defaults,
    maxPromptTokens: Math.min(...Object.values(traits.tokenizers).map(({ maxPositions }) => maxPositions)) - 2,
  };
}

async function inspectPart(name: string, part: ModelPart): Promise<ComponentInfo> {
  const weights = await openWeights(part.weights);
  const bytesOf = new Map<string, number>();
  let parameters = 0;
  for (const tensorName of weights.names()) {
    const { dtype, shape, length } = weights.find(tensorName)!;
    parameters += shape.reduce((product, side) => product * side, 1);
    bytesOf.set(dtype, (bytesOf.get(dtype) ?? 0) + length);
  }
  const dtypes = [...bytesOf].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
  const bytes = [...bytesOf.values()].reduce((sum, length) => sum + length, 0);
  // transformers' configs list their class, diffusers' name it.
  const [listed] = Array.isArray(part.config.architectures) ? part.config.architectures : [];
  return { name, architecture: String(part.config._class_name ?? listed ?? "unknown"), parameters, bytes, dtypes };
}
