import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Task } from "@latentkit/core";
import { inspectControl } from "../adapters/control/inspect-control.ts";
import { type AdapterInfo, inspectAdapter } from "../adapters/inspect-adapter.ts";
import { familyOf } from "../families/families.ts";
import { promptTokens } from "../families/traits.ts";
import { isGguf } from "../files/gguf.ts";
import { withHubCache } from "../files/hub-cache.ts";
import { fileWeights, type Weights } from "../files/weights.ts";
import { type ExportedWeights, filesOf } from "./exported-part.ts";
import type { ModelDefaults } from "./model-defaults.ts";
import { hashModel } from "./model-hash.ts";
import { modelId } from "./model-id.ts";
import { openWeights } from "./open-weights.ts";
import { ownPlan } from "./own-plan.ts";
import { folderNameOf } from "./part-folder.ts";
import { readModel } from "./read-model.ts";
import { recogniseFile } from "./recognise-file.ts";

/** One network of a model, as its files say. */
export interface ComponentInfo {
  /** Its folder's name: `"unet"`, `"vae"`, `"text_encoder"`. */
  name: string;
  /** Class in its config.json, such as `"UNet2DConditionModel"`. */
  architecture: string;
  /** Elements of all tensors; 0 of an exported ONNX graph, which is not taken apart. */
  parameters: number;
  /** Bytes of all tensors. */
  bytes: number;
  /** Element types as safetensors and GGUF name them, the one with most bytes first. */
  dtypes: string[];
}

/** What a model's files hold. Plain data. */
export interface ModelInfo {
  id: string;
  /** Title of its family, such as `"Stable Diffusion 1 and 2"`; of a file with one network alone, what that is. */
  family: string;
  /** What it can do; nothing where it is one network alone. */
  tasks: readonly Task[];
  /** Absolute path. */
  path: string;
  /** Same hash, same output: what a recipe notes. */
  hash: string;
  components: ComponentInfo[];
  /** Diffusers' class, what it is run as here, and what the network predicts. Not of one network alone, as what follows. */
  scheduler?: { class: string; sampler: string; scheduler: string; prediction: string };
  /** Of an upscaling network: how many times larger each side becomes. */
  enlarges?: number;
  /** Size in pixels that the model was trained at, and what each side must be a multiple of and at least. */
  size?: { width: number; height: number; multipleOf: number; min: number };
  /** What the model wants where a request is silent: its latentkit.json. */
  defaults: ModelDefaults;
  /** Longest prompt in tokens. */
  maxPromptTokens?: number;
  /** Of a LoRA, an embedding, a ControlNet and the like: what it is, what it is for and which words call it. */
  adapter?: AdapterInfo;
}

/**
 * Reads what a model holds: configs, the tokenizer and the weights' headers, no weights. All is checked that can be without
 * running the model: every tensor's name, shape and type against the configs.
 *
 * @param place a path or file URL of a folder in the diffusers layout, or `owner/name` of the Hub's cache; or of a single file: a
 * checkpoint, or one network.
 * @param variant as in {@link LocalOptions}.
 * @throws {@link ModelError} naming the file and what is wrong.
 */
export async function inspectModel(place: string, variant?: string): Promise<ModelInfo> {
  return withHubCache(place, async (path) => (await inspectNetworkFile(path)) ?? inspectWhole(path, variant));
}

async function inspectWhole(place: string, variant: string | undefined): Promise<ModelInfo> {
  const model = await readModel(place, { variant });
  // The networks are only needed here: whoever imports the package does not load them.
  const { checkModel } = await import("./check-model.ts");
  await checkModel(model);
  const { identity, path, traits, scheduler, parts } = model;
  const plan = ownPlan(path, scheduler, { pipeline: model.pipeline });
  const maxPromptTokens = promptTokens(traits.tokenizers);
  return {
    id: identity.id,
    family: familyOf(model).title,
    tasks: traits.tasks,
    path,
    hash: identity.hash ?? "",
    components: await Promise.all(
      Object.entries(parts).map(async ([name, { weights, config }]) =>
        weights.kind === "onnx"
          ? inspectExported(folderNameOf(name), weights)
          : inspectPart(folderNameOf(name), config, await openWeights(weights)),
      ),
    ),
    ...(traits.atOnce
      ? { enlarges: traits.enlarges! }
      : {
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
        }),
    defaults: model.defaults,
    ...(maxPromptTokens === undefined ? {} : { maxPromptTokens }),
  };
}

/** A file with one network or an adapter, or a ControlNet's folder, which goes with some model and is none itself; undefined where it is anything else. */
async function inspectNetworkFile(place: string): Promise<ModelInfo | undefined> {
  const path = resolve(place);
  const stats = await stat(path).catch(() => undefined);
  const weights = stats?.isFile() ? await fileWeights(path) : undefined;
  const beside = await inspectControl(path, weights);
  if (beside !== undefined) {
    const { info, source } = beside;
    const { hash } = await hashModel([], [beside.weights]);
    const component = inspectPart(info.kind, source.config, beside.weights);
    const family = `${info.title} for ${info.base}`;
    return { id: modelId(path), family, tasks: [], path, hash, components: [component], defaults: {}, adapter: info };
  }
  if (weights === undefined) return undefined;
  const adapter = isGguf(path) ? undefined : await inspectAdapter(path);
  if (adapter !== undefined) {
    const { hash } = await hashModel([], [weights]);
    const component = inspectPart(adapter.kind, { _class_name: adapter.title }, weights);
    const family = `${adapter.title} for ${adapter.base}`;
    return { id: modelId(path), family, tasks: [], path, hash, components: [component], defaults: {}, adapter };
  }
  const found = await recogniseFile(weights);
  if (found.kind === "model") return undefined;
  const { part, network } = found;
  const { hash } = await hashModel([], [weights]);
  const component = inspectPart(folderNameOf(part), network.config, network.weights);
  return { id: modelId(path), family: `${part} alone`, tasks: [], path, hash, components: [component], defaults: {} };
}

/** An exported graph tells its size alone. */
async function inspectExported(name: string, weights: ExportedWeights): Promise<ComponentInfo> {
  const sizes = await Promise.all((await filesOf(weights)).map(async (file) => (await stat(file)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { name, architecture: "ONNX", parameters: 0, bytes, dtypes: [] };
}

function inspectPart(name: string, config: Readonly<Record<string, unknown>>, weights: Weights): ComponentInfo {
  const bytesOf = new Map<string, number>();
  let parameters = 0;
  for (const tensorName of weights.names()) {
    const { dtype, shape, length, scale } = weights.find(tensorName)!;
    parameters += shape.reduce((product, side) => product * side, 1);
    bytesOf.set(dtype, (bytesOf.get(dtype) ?? 0) + length + (scale?.length ?? 0));
  }
  const dtypes = [...bytesOf].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
  const bytes = [...bytesOf.values()].reduce((sum, length) => sum + length, 0);
  // transformers' configs list their class, diffusers' name it.
  const [listed] = Array.isArray(config.architectures) ? config.architectures : [];
  return { name, architecture: String(config._class_name ?? listed ?? "unknown"), parameters, bytes, dtypes };
}
