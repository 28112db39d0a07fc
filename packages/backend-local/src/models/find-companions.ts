import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Family } from "../families/family.ts";
import { fileWeights } from "../files/weights.ts";
import type { ModelPart } from "./model.ts";
import { readPart } from "./part-source.ts";
import { recogniseFile } from "./recognise-file.ts";
import type { PartName } from "./recognised-model.ts";

/** What was found of the parts that a file lacks, and where it was looked for. */
export interface Companions {
  parts: Readonly<Record<string, ModelPart>>;
  /** Those that no file is. */
  lacking: readonly string[];
  /** Folders that were looked through. */
  looked: readonly string[];
  /** Files that might have been meant and could not be read: why. */
  passedOver: readonly string[];
}

/** What is looked for. */
export interface CompanionSearch {
  file: string;
  family: Family;
  missing: readonly string[];
  /** Those of them that need not be found. */
  optional?: readonly string[];
}

/** Folders of a tree of models that files of a part lie in: ComfyUI's, then A1111's and Forge's. */
const foldersOf: Readonly<Record<string, readonly string[]>> = {
  text: ["text_encoders", "clip", "text_encoder"],
  vae: ["vae", "VAE"],
};
/** Folders of such a tree that models themselves lie in: its root is theirs. */
const modelFolders = /^(diffusion_models|unet|checkpoints|Stable-diffusion|unet_gguf)$/i;

/** What VAEs of the same shape are called, by the families that they are for. */
const vaeNames: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    ["flux1", "z-image", "chroma", "lumina2"].map((family) => [family, /(^|[^a-z])ae([^a-z]|$)|flux/i]),
  ),
  "stable-diffusion-3": /sd[-_ ]?3/i,
  "pixart-sigma": /xl/i,
  auraflow: /xl/i,
};

const weightsFile = /\.(safetensors|sft|gguf)$/i;
const [mostFiles, mostCombinations] = [64, 64];

/**
 * Finds the parts that a model's file lacks among the files of its tree: beside it (as Draw Things keeps all), and in ComfyUI's, A1111's and Forge's folders
 * for text encoders and VAEs. What a file is, its tensors tell; that the parts fit each other, `misfit` does, which says why where they don't. Of several
 * that fit, the largest counts, as its numbers are the finest: but VAEs of one shape are told apart by their names first.
 */
export async function findCompanions(
  { file, family, missing, optional = [] }: CompanionSearch,
  misfit: (parts: Readonly<Record<string, ModelPart>>) => string | undefined,
): Promise<Companions> {
  const folder = dirname(resolve(file));
  const roots = await rootsOf(folder);
  const looked = new Set<string>();
  const passedOver: string[] = [];
  const choices: [name: string, found: ModelPart[]][] = [];
  for (const name of missing) {
    const kind = name === "vae" ? "vae" : "text";
    const folders = [folder, ...roots.flatMap((root) => foldersOf[kind]!.map((each) => join(root, each)))];
    const files = [...new Set((await Promise.all(folders.map((each) => filesIn(each, each !== folder)))).flat())];
    for (const each of folders) looked.add(each);
    choices.push([
      name,
      await candidates(
        name,
        files.filter((each) => each !== resolve(file)),
        family,
        passedOver,
      ),
    ]);
  }
  const isThere = ([name, found]: (typeof choices)[number]) => found.length > 0 || !optional.includes(name);
  const lacking = choices.flatMap(([name, found]) => (found.length === 0 && !optional.includes(name) ? [name] : []));
  const { parts, why } = firstFit(choices.filter(isThere), misfit);
  // What was found and doesn't fit says more than what could not be read.
  const reasons = lacking.length === 0 && why !== undefined ? [why, ...passedOver] : passedOver;
  return { parts: parts ?? {}, lacking, looked: [...looked], passedOver: reasons };
}

/** The folders above that a tree of models may begin at, the nearest first. */
async function rootsOf(folder: string): Promise<string[]> {
  const roots: string[] = [];
  for (let at = folder, up = 0; up < 4 && dirname(at) !== at; at = dirname(at), up++) {
    if (modelFolders.test(basename(at))) roots.push(dirname(at));
  }
  // A file in the root itself.
  return roots.length > 0 ? roots : [folder];
}

/** The weights files of a folder (none where there is none), and, `deep`, of those in it. */
async function filesIn(folder: string, deep: boolean): Promise<string[]> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const own = entries.filter(({ name }) => weightsFile.test(name)).map(({ name }) => join(folder, name));
  const inner = deep ? entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name)) : [];
  return [...own, ...(await Promise.all(inner.map((each) => filesIn(each, false)))).flat()].slice(0, mostFiles);
}

/** The parts that files hold in one role, the largest first. */
async function candidates(
  name: string,
  files: readonly string[],
  family: Family,
  passedOver: string[],
): Promise<ModelPart[]> {
  const { classes } = family.parts[name]!;
  const called = name === "vae" ? vaeNames[family.id] : undefined;
  const found: { part: ModelPart; size: number; isNamed: boolean }[] = [];
  for (const each of files) {
    try {
      // A whole model's parts are its own.
      if ((await recogniseFile(await fileWeights(each))).kind !== "network") continue;
      const part = await readPart(name as PartName, each);
      const { _class_name: own, architectures } = part.config;
      const kind = own ?? (Array.isArray(architectures) ? architectures[0] : undefined);
      if (!classes.includes(kind as string)) continue;
      const named = join(basename(dirname(each)), basename(each));
      found.push({ part, size: (await stat(each)).size, isNamed: called?.test(named) === true });
    } catch (error) {
      const { details, message } = error as { details?: { problem?: string }; message: string };
      // A file of another kind says that it is; one that is none, or in a form that doesn't work, may have been meant.
      if (/stores its weights|is stored as|truncated|malformed/.test(`${details?.problem} ${message}`))
        passedOver.push(message);
    }
  }
  const first = (a: (typeof found)[number], b: (typeof found)[number]) =>
    Number(b.isNamed) - Number(a.isNamed) || b.size - a.size || a.part.file.localeCompare(b.part.file);
  return found.sort(first).map(({ part }) => part);
}

/** The first choice of one for each name that fits: all of them, else none, and why the first doesn't. */
function firstFit(
  choices: readonly (readonly [name: string, found: readonly ModelPart[]])[],
  misfit: (parts: Readonly<Record<string, ModelPart>>) => string | undefined,
): { parts?: Record<string, ModelPart>; why?: string | undefined } {
  let combinations: Record<string, ModelPart>[] = [{}];
  for (const [name, found] of choices)
    combinations = combinations
      .flatMap((each) => found.map((part) => ({ ...each, [name]: part })))
      .slice(0, mostCombinations);
  let why: string | undefined;
  for (const parts of combinations) {
    const own = misfit(parts);
    if (own === undefined) return { parts };
    why ??= own;
  }
  return { why };
}
