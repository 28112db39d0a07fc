import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { families } from "../families/families.ts";
import type { Family } from "../families/family.ts";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { readJson, readOptionalJson } from "../files/read-json.ts";
import { variantsOf } from "../files/weights.ts";
import { exportedFiles, exportedPart } from "./exported-part.ts";
import { readFolderIndex } from "./folder-index.ts";
import { withGivenParts } from "./given-parts.ts";
import type { Model, ModelPart, ModelParts } from "./model.ts";
import { defaultsFile, modelDefaults } from "./model-defaults.ts";
import { hashModel } from "./model-hash.ts";
import { modelId } from "./model-id.ts";
import { openWeights } from "./open-weights.ts";
import { predicting } from "./own-plan.ts";
import { folderNameOf } from "./part-folder.ts";
import type { PartPaths } from "./part-source.ts";
import type { ReadOptions } from "./read-model.ts";
import type { PartName } from "./recognised-model.ts";
import { underIndexClass } from "./scheduler-as-run.ts";

/**
 * Reads a model folder in the diffusers layout: its index, the configs, the weights' headers, and a hash of what defines its
 * output. Nothing is written, symbolic links (a Hugging Face cache) are followed.
 *
 * @throws {@link ModelError} naming the file: not a folder, not a model, an architecture that is not supported, files
 * that are missing, malformed or pickled.
 */
export async function readModelFolder(
  folder: string,
  { variant, name, parts: given, prediction }: ReadOptions = {},
): Promise<Model> {
  const path = resolve(folder);
  await requireFolder(path);
  const { file: indexFile, index, modular } = await readFolderIndex(path);
  const family = familyOfIndex(index, indexFile);
  const schedulerFile = join(path, "scheduler", "scheduler_config.json");
  const read = await readParts(path, family, index, { variant, given, indexFile });
  if (variant !== undefined) await requireVariant(path, read, variant);
  const saved = (name: string) => savedPart(path, family, name, index, variant);
  const parts = await withGivenParts({ path, family, parts: read, variant, saved }, given);
  const ofBlocks = modular ? family.blocksScheduler : undefined;
  const schedule = ofBlocks === undefined ? await readJson(schedulerFile) : await readOptionalJson(schedulerFile);
  const stated = schedule === undefined ? { ...ofBlocks } : underIndexClass(schedule, index.scheduler);
  const scheduler = predicting(path, stated, prediction);
  const others = (family.schedulers ?? []).map((each) => join(path, each, "scheduler_config.json"));
  const configs = await Promise.all(others.map(readJson));
  const schedulers = Object.fromEntries(configs.map((config, i) => [family.schedulers![i]!, config]));
  const found: ModelParts = { path, pipeline: String(index._class_name), index, parts, scheduler, schedulers };
  const traits = family.describe(found);
  const defaults = await modelDefaults(path);
  const tokenizers = tokenizersOf(path, family, index, indexFile);
  const exported = await exportedFiles(parts);
  const safetensors = Object.values(parts).filter((part) => part.weights.kind !== "onnx");
  const weights = await Promise.all(safetensors.map((part) => openWeights(part.weights)));
  const texts = [
    indexFile,
    ...(schedule === undefined ? [] : [schedulerFile]),
    ...others,
    // Of a part that is a weights file alone, its tensors tell all.
    ...Object.values(parts).flatMap(({ file, weights }) => (file === weights.path ? [] : [file])),
    ...(await Promise.all(Object.values(tokenizers).map(tokenizerFiles))).flat(),
    ...(defaults === undefined ? [] : [defaultsFile(path)]),
  ];
  const { hash, files } = await hashModel(texts, weights, `${exported.note}${scheduler === stated ? "" : prediction}`);
  return {
    ...found,
    family: family.id,
    identity: { id: name ?? modelId(path), hash },
    tokenizers,
    traits,
    defaults: defaults ?? {},
    files: [...files, ...exported.files, ...(defaults === undefined ? [defaultsFile(path)] : [])],
  };
}

async function requireFolder(path: string): Promise<void> {
  const stats = await stat(path).catch((cause: Error) => {
    throw modelError("missing", `There is no model folder ${path}`, { file: path, cause });
  });
  if (stats.isDirectory()) return;
  throw modelError("unsupported", `${path} is a file; a folder in the diffusers layout is needed`, { file: path });
}

/** A variant may be there for some parts only; one that no part has is a slip. */
async function requireVariant(path: string, parts: Record<string, ModelPart>, variant: string): Promise<void> {
  const folders = Object.values(parts).flatMap(({ weights }) => (weights.kind === "folder" ? [weights.path] : []));
  const found = [...new Set((await Promise.all(folders.map(variantsOf))).flat())];
  if (folders.length === 0 || found.includes(variant)) return;
  const has = found.length === 0 ? "it has none" : `it has ${found.join(", ")}`;
  throw modelError("missing", `No part of ${path} has the variant "${variant}": ${has}`, {
    file: path,
    option: "variant",
  });
}

function familyOfIndex({ _class_name: pipeline }: Record<string, unknown>, file: string): Family {
  const family = families.find(({ pipelines }) => pipelines.includes(pipeline as string));
  if (family !== undefined) return family;
  const supported = families.flatMap(({ pipelines }) => pipelines);
  throw notOneOf(pipeline, supported, file, "_class_name");
}

/** A part's class as the index names it: `[library, class]`. */
function classOf(entry: unknown): unknown {
  return Array.isArray(entry) ? entry[1] : entry;
}

/** The parts that the index names. One that the family can be without may be missing, or `[null, null]`. */
async function readParts(
  path: string,
  { parts }: Family,
  index: Record<string, unknown>,
  { variant, given = {}, indexFile }: { variant: string | undefined; given: PartPaths | undefined; indexFile: string },
): Promise<Record<string, ModelPart>> {
  const read = await Promise.all(
    Object.entries(parts).map(async ([name, { classes, optional }]) => {
      const folder = folderNameOf(name);
      const named = classOf(index[folder]);
      const onnx = given[name as PartName] === undefined ? await exportedPart(path, name) : undefined;
      if (onnx !== undefined) return [[name, onnx] as const];
      if (optional && named == null) return [];
      // What is given in its place need not be there; but a VAE's config tells how the latents are scaled.
      if (given[name as PartName] !== undefined && (name !== "vae" || named == null)) return [];
      if (!classes.includes(named as string)) throw notOneOf(named, classes, indexFile, folder);
      const file = join(path, folder, "config.json");
      return [[name, partOfFolder(await readJson(file), { file, named, variant })] as const];
    }),
  );
  return Object.fromEntries(read.flat());
}

/** A part as it is saved in its folder, if only its config is there. */
async function savedPart(
  path: string,
  { parts }: Family,
  name: string,
  index: Record<string, unknown>,
  variant: string | undefined,
): Promise<ModelPart | undefined> {
  const named = classOf(index[folderNameOf(name)]);
  const file = join(path, folderNameOf(name), "config.json");
  const config = parts[name]?.classes.includes(named as string) ? await readOptionalJson(file) : undefined;
  return config && partOfFolder(config, { file, named, variant });
}

function partOfFolder(
  saved: Record<string, unknown>,
  { file, named, variant }: { file: string; named: unknown; variant: string | undefined },
): ModelPart {
  // Its class is the index's, whatever it is called here: so diffusers takes it.
  const config = saved._class_name === undefined ? saved : { ...saved, _class_name: named };
  const weights = { kind: "folder", path: dirname(file), ...(variant === undefined ? {} : { variant }) } as const;
  return { weights, config, file };
}

/** Folders of the tokenizers that the index names. */
function tokenizersOf(
  path: string,
  { tokenizers }: Family,
  index: Record<string, unknown>,
  indexFile: string,
): Record<string, string> {
  const named = Object.entries(tokenizers).flatMap(([name, { classes, optional, folder = folderNameOf(name) }]) => {
    const found = classOf(index[folder]);
    if (optional && found == null) return [];
    if (!classes.includes(found as string)) throw notOneOf(found, classes, indexFile, folder);
    return [[name, join(path, folder)] as const];
  });
  return Object.fromEntries(named);
}

function notOneOf(found: unknown, allowed: readonly string[], file: string, option: string) {
  const message = `${file}: ${option} is ${quote(found)}; supported: ${allowed.join(", ")}`;
  return modelError("unsupported", message, { file, option });
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
