import { stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import type { ModelIdentity } from "@latentkit/core";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { readJson } from "../files/read-json.ts";
import { folderWeights, type Weights } from "../files/weights.ts";
import { defaultsFile, type ModelDefaults, modelDefaults } from "./model-defaults.ts";
import { hashModel } from "./model-hash.ts";
import { modelId } from "./model-id.ts";
import { type ModelShape, modelShape } from "./model-shape.ts";

/** One network of a model: its folder, and its config.json as it stands there. */
export interface ModelPart {
  readonly folder: string;
  readonly config: Record<string, unknown>;
}

/** A model folder in the diffusers layout, read and checked but for its weights. Plain data: it crosses processes. */
export interface ModelFolder {
  /** Absolute path. */
  readonly path: string;
  readonly variant?: string;
  readonly identity: ModelIdentity;
  readonly textEncoder: ModelPart;
  readonly unet: ModelPart;
  readonly vae: ModelPart;
  /** The tokenizer's folder. */
  readonly tokenizer: string;
  readonly scheduler: Record<string, unknown>;
  readonly shape: ModelShape;
  /** From its latentkit.json. */
  readonly defaults: ModelDefaults;
  /** Every file that was read or looked for, for noticing changes. */
  readonly files: readonly string[];
}

const pipelines = ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"];

const architectures = {
  text_encoder: ["CLIPTextModel", "CLIPTextModelWithProjection"],
  unet: ["UNet2DConditionModel"],
  vae: ["AutoencoderKL"],
  tokenizer: ["CLIPTokenizer", "CLIPTokenizerFast"],
} as const;

/**
 * Reads a model folder: its index, the configs, the weights' headers, and a hash of what defines its output. Nothing is
 * written, symbolic links (a Hugging Face cache) are followed.
 *
 * @throws {@link ModelError} naming the file: not a folder, not a model, an architecture that is not supported, files
 * that are missing, malformed or pickled.
 */
export async function readModelFolder(folder: string, variant?: string, name?: string): Promise<ModelFolder> {
  const path = resolve(folder);
  await requireFolder(path);
  const indexFile = join(path, "model_index.json");
  const index = await readJson(indexFile).catch((error) => {
    throw error.details?.problem === "missing" ? notAModel(path, indexFile) : error;
  });
  checkArchitecture(index, indexFile);
  const part = async (component: keyof typeof architectures): Promise<ModelPart> => {
    const file = join(path, component, "config.json");
    const config = await readJson(file);
    // A text encoder's class is in `architectures`, which its config's own check reads.
    const { _class_name: own } = config;
    if (own !== undefined) requireOneOf(own, architectures[component], file, "_class_name");
    return { folder: join(path, component), config };
  };
  const [textEncoder, unet, vae] = await Promise.all([part("text_encoder"), part("unet"), part("vae")]);
  const schedulerFile = join(path, "scheduler", "scheduler_config.json");
  const scheduler = await readJson(schedulerFile);
  const shape = modelShape({ path, textEncoder, unet, vae, scheduler });
  const defaults = await modelDefaults(path);
  const weights = await Promise.all([textEncoder, unet, vae].map((p) => partWeights(p.folder, variant)));
  const texts = [
    indexFile,
    schedulerFile,
    ...[textEncoder, unet, vae].map((p) => join(p.folder, "config.json")),
    ...(await tokenizerFiles(join(path, "tokenizer"))),
    ...(defaults === undefined ? [] : [defaultsFile(path)]),
  ];
  const { hash, files } = await hashModel(texts, weights);
  return {
    path,
    ...(variant === undefined ? {} : { variant }),
    identity: { id: name ?? modelId(path), hash },
    textEncoder,
    unet,
    vae,
    tokenizer: join(path, "tokenizer"),
    scheduler,
    shape,
    defaults: defaults ?? {},
    files: defaults === undefined ? [...files, defaultsFile(path)] : files,
  };
}

/** A part's weights: the variant's files where the part has them, as diffusers does, else the plain ones. */
export async function partWeights(folder: string, variant: string | undefined): Promise<Weights> {
  if (variant === undefined) return folderWeights(folder);
  return folderWeights(folder, variant).catch(async (error) => {
    if (error.details?.problem !== "missing") throw error;
    return folderWeights(folder);
  });
}

async function requireFolder(path: string): Promise<void> {
  const stats = await stat(path).catch((cause: Error) => {
    throw modelError("missing", `There is no model folder ${path}`, { file: path, cause });
  });
  if (stats.isDirectory()) return;
  const kind = [".safetensors", ".ckpt"].includes(extname(path)) ? "a single-file checkpoint" : "a file";
  throw modelError("unsupported", `${path} is ${kind}; a folder in the diffusers layout is needed`, { file: path });
}

function notAModel(path: string, file: string) {
  const message = `${path} is not a model folder: it has no model_index.json (the diffusers layout)`;
  return modelError("missing", message, { file });
}

function checkArchitecture(index: Record<string, unknown>, file: string): void {
  requireOneOf(index._class_name, pipelines, file, "_class_name");
  for (const [component, allowed] of Object.entries(architectures)) {
    const entry = index[component];
    requireOneOf(Array.isArray(entry) ? entry[1] : entry, allowed, file, component);
  }
}

function requireOneOf(found: unknown, allowed: readonly unknown[], file: string, option: string): void {
  if (allowed.includes(found)) return;
  const message = `${file}: ${option} is ${quote(found)}; supported: ${allowed.join(", ")}`;
  throw modelError("unsupported", message, { file, option });
}

async function tokenizerFiles(folder: string): Promise<string[]> {
  const has = (name: string) =>
    stat(join(folder, name)).then(
      () => true,
      () => false,
    );
  const names = [
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
  ];
  const present = await Promise.all(names.map(has));
  const found = names.filter((_, i) => present[i]);
  if (!found.includes("tokenizer.json") && !(found.includes("vocab.json") && found.includes("merges.txt"))) {
    const message = `${folder} holds no tokenizer: expected tokenizer.json, or vocab.json and merges.txt`;
    throw modelError("missing", message, { file: folder });
  }
  return found.map((name) => join(folder, name));
}
