import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { families } from "../families/families.ts";
import { modelError } from "../files/model-error.ts";
import { fileWeights, folderWeights } from "../files/weights.ts";
import { findCompanions } from "./find-companions.ts";
import { type BaseModel, withGivenParts } from "./given-parts.ts";
import type { Model, ModelPart, ModelParts } from "./model.ts";
import { hashModel } from "./model-hash.ts";
import { modelId } from "./model-id.ts";
import { openWeights } from "./open-weights.ts";
import { ownPlan } from "./own-plan.ts";
import { readPart } from "./part-source.ts";
import type { ReadOptions } from "./read-model.ts";
import { recogniseFile } from "./recognise-file.ts";
import type { PartName } from "./recognised-model.ts";

/**
 * Reads a model that is one weights file (or the folder of its denoising network): what it is, its configs and its scheduler come from its tensors' names and shapes, its
 * tokenizers from this package. Its header is read, and no weights but a few that mark its kind.
 *
 * @throws {@link ModelError} naming the file, what it looks like, and which part it lacks.
 */
export async function readModelFile(file: string, options: ReadOptions = {}): Promise<Model> {
  const path = resolve(file);
  const isFolder = (await stat(path)).isDirectory();
  const weights = await (isFolder ? folderWeights(path, options.variant) : fileWeights(path));
  const recognised = await recogniseFile(weights, { prediction: options.prediction });
  if (recognised.kind === "network") {
    const { part } = recognised;
    const message = `${path}: it holds a ${part} alone; name the model that it belongs to as model, and this file as parts.${part}`;
    throw modelError("unsupported", message, { file: path, option: `parts.${part}` });
  }
  const { pipeline, scheduler, latents, tokenizers, options: index, parts: found, optional = [] } = recognised.model;
  const family = families.find(({ pipelines }) => pipelines.includes(pipeline));
  if (family === undefined) {
    const message = `${path} holds a model for diffusers' ${pipeline}, which is not supported yet; supported: ${families.flatMap(({ pipelines }) => pipelines).join(", ")}`;
    throw modelError("unsupported", message, { file: path });
  }
  const [lacking] = Object.keys(tokenizers).length === 0 ? Object.keys(family.tokenizers) : [];
  if (lacking !== undefined) {
    const message = `${path}: a file of ${family.title} brings no ${lacking}, and this package has none for it; name a folder in the diffusers layout as model, and the file as one of its parts: local({ model: "path/to/folder", parts: { transformer: "${path}" } })`;
    throw modelError("missing", message, { file: path, option: lacking });
  }
  const own = await Promise.all(
    Object.entries(found).map(async ([part, { config }]): Promise<[string, ModelPart]> => {
      if (isFolder) return [part, await readPart(part as PartName, path, options.variant)];
      return [part, { weights: { kind: "file", path, part: part as PartName }, config, file: path }];
    }),
  );
  // Each tokenizer is a text encoder's.
  const encoderOf = (tokenizer: string) => tokenizer.replace("tokenizer", "textEncoder");
  const required = Object.keys(tokenizers)
    .map(encoderOf)
    .filter((name) => !optional.includes(name as PartName));
  const around = { path, pipeline, index: { _class_name: pipeline, ...index }, scheduler };
  const find: BaseModel["find"] = (missing, scaled, held) =>
    findCompanions({ file: path, family, missing, optional }, (more) => {
      const all = Object.entries(more).map(([name, part]) => [name, scaled(name, part)] as const);
      return misfit(() => family.describe({ ...around, parts: { ...held, ...Object.fromEntries(all) } }));
    }).then((found) => ({
      ...found,
      parts: Object.fromEntries(Object.entries(found.parts).map(([name, part]) => [name, scaled(name, part)])),
    }));
  const base = { path, family, parts: Object.fromEntries(own), latents, required, optional, find };
  const parts = await withGivenParts(base, options.parts);
  ownPlan(path, scheduler, { pipeline });
  const model: ModelParts = { ...around, parts };
  const traits = family.describe(model);
  const views = await Promise.all(Object.values(parts).map((part) => openWeights(part.weights)));
  const { hash, files } = await hashModel([], views, JSON.stringify([pipeline, scheduler]));
  return {
    ...model,
    family: family.id,
    identity: { id: modelId(path), hash },
    tokenizers: Object.fromEntries(
      Object.entries(tokenizers)
        .filter(([name]) => parts[encoderOf(name)] !== undefined)
        .map(([name, shipped]) => [name, { shipped }]),
    ),
    traits,
    lacks: optional.filter((name) => parts[name] === undefined),
    defaults: {},
    files,
  };
}

/** What a description finds wrong. */
function misfit(describe: () => unknown): string | undefined {
  try {
    describe();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
