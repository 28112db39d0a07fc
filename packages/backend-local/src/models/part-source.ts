import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { withHubCache } from "../files/hub-cache.ts";
import { modelError } from "../files/model-error.ts";
import { readJson, readOptionalJson } from "../files/read-json.ts";
import { fileWeights } from "../files/weights.ts";
import { indexFiles } from "./folder-index.ts";
import type { ModelPart } from "./model.ts";
import { folderNameOf } from "./part-folder.ts";
import { networkOf, recogniseFile } from "./recognise-file.ts";
import type { PartName } from "./recognised-model.ts";

/** Files to take in place of a model's own parts, by the parts' names: each a file, or a folder. */
export type PartPaths = Readonly<Partial<Record<PartName, string | undefined>>>;

/**
 * A part that was given by its own path: a folder with a config.json, a whole model's folder (its part of that name counts), or a
 * file, whose config is the config.json beside it or else what its tensors tell. A model of the Hub's that is in its cache, too.
 *
 * @throws ModelError naming the path.
 */
export async function readPart(part: PartName, given: string, variant?: string): Promise<ModelPart> {
  return withHubCache(given, (path) => readPartAt(part, resolve(path), variant));
}

async function readPartAt(part: PartName, path: string, variant: string | undefined): Promise<ModelPart> {
  const stats = await stat(path).catch((cause: Error) => {
    throw modelError("missing", `parts.${part}: there is no ${path}`, { file: path, option: `parts.${part}`, cause });
  });
  return stats.isDirectory() ? partOfFolder(part, path, variant) : partOfFile(part, path);
}

async function partOfFolder(part: PartName, folder: string, variant: string | undefined): Promise<ModelPart> {
  const indexes = await Promise.all(indexFiles.map((name) => readOptionalJson(join(folder, name))));
  const whole = indexes.some((index) => index !== undefined);
  const path = whole ? join(folder, folderNameOf(part)) : folder;
  const file = join(path, "config.json");
  const weights = { kind: "folder", path, ...(variant === undefined ? {} : { variant }) } as const;
  return { weights, config: await readJson(file), file };
}

/** Names that diffusers and transformers give their files: such a file's config is the one beside it. */
const standardName = /^(diffusion_pytorch_model|model|pytorch_model)\b.*\.safetensors$/;

async function partOfFile(part: PartName, path: string): Promise<ModelPart> {
  const file = join(dirname(path), "config.json");
  const beside = standardName.test(basename(path)) ? await readOptionalJson(file) : undefined;
  const weights = { kind: "file", path, part } as const;
  const network = networkOf(await recogniseFile(await fileWeights(path)), part, path);
  return beside === undefined ? { weights, config: network.config, file: path } : { weights, config: beside, file };
}
