import { UsageError } from "../report-error.ts";
import type { HubFile } from "./hub.ts";

/** Files that a model needs, and those of its repository that are left there. */
export interface Choice {
  files: HubFile[];
  skipped: HubFile[];
}

const texts = /\.(json|txt|model|jinja|md)$/i;
const weights = /\.(safetensors|gguf)$/i;
/** Pickles: loading one runs the code that it holds. */
const pickles = /\.(bin|ckpt|pt|pth|pkl|pickle|msgpack|h5|npz)$/i;
/** Networks that no picture needs. */
const unused = /^safety_checker\//;

/**
 * Chooses a model's files: of a diffusers repository its configs, tokenizers and safetensors (the variant's where there are such), else
 * what is named. Pickles are never taken.
 *
 * @param named paths in the repository, or endings of paths.
 * @throws UsageError where there is nothing to take, or it must be said which.
 */
export function chooseFiles(all: readonly HubFile[], named: readonly string[], variant?: string): Choice {
  const taken = named.length > 0 ? filesNamed(all, named) : filesOfModel(all, variant);
  const isTaken = new Set(taken.map(({ path }) => path));
  return {
    files: taken,
    skipped: all.filter(({ path }) => !isTaken.has(path) && (weights.test(path) || pickles.test(path))),
  };
}

function filesNamed(all: readonly HubFile[], named: readonly string[]): HubFile[] {
  const found = named.map((name) => {
    const matches = all.filter(({ path }) => path === name || path.endsWith(`/${name}`));
    if (matches.length === 1 && pickles.test(matches[0]!.path))
      throw new UsageError(`${name} is a pickle, which can run code: it is not brought`);
    if (matches.length === 1) return matches[0]!;
    const near = all.map(({ path }) => path).filter((path) => weights.test(path));
    if (matches.length > 1)
      throw new UsageError(`${name} is the name of several files: ${list(matches.map(({ path }) => path))}`);
    throw new UsageError(`the repository has no file ${name}; it has ${list(near)}`);
  });
  return [...new Set(found)];
}

function filesOfModel(all: readonly HubFile[], variant: string | undefined): HubFile[] {
  const tensors = all.filter(({ path }) => weights.test(path));
  if (tensors.length === 0) {
    const pickled = all.filter(({ path }) => pickles.test(path));
    throw new UsageError(
      pickled.length > 0
        ? `the repository has only pickled weights (${list(pickled.map(({ path }) => path))}), which can run code and are not read; look for one with safetensors`
        : "the repository holds no weights (no .safetensors and no .gguf file)",
    );
  }
  const configs = all.filter(({ path }) => texts.test(path) && !unused.test(path));
  if (!all.some(({ path }) => /^(modular_)?model_index\.json$/.test(path))) {
    if (tensors.length === 1) return [...configs, ...tensors];
    const sizes = tensors.map(({ path, size }) => `${path} (${(size / 1e9).toFixed(1)} GB)`);
    throw new UsageError(`the repository is no model folder; name the files that are wanted: ${list(sizes)}`);
  }
  // Beside the folders of a diffusers model lie single files of the whole of it.
  const inFolders = tensors.filter(({ path }) => path.includes("/") && !unused.test(path));
  const chosen = byFolder(inFolders).flatMap((files) => filesOfVariant(files, variant));
  if (variant !== undefined && !chosen.some(({ path }) => isOfVariant(path, variant))) {
    const known = [...new Set(inFolders.flatMap(({ path }) => variantOf(path) ?? []))];
    throw new UsageError(`--variant: the repository has no variant ${variant}; it has ${list(known) || "none"}`);
  }
  return [...configs, ...chosen];
}

function byFolder(files: readonly HubFile[]): HubFile[][] {
  return [...Map.groupBy(files, ({ path }) => path.slice(0, path.lastIndexOf("/"))).values()];
}

/** A part's files: the variant's where the part has them, else the plain ones, as diffusers takes them. */
function filesOfVariant(files: readonly HubFile[], variant: string | undefined): HubFile[] {
  const own = variant === undefined ? [] : files.filter(({ path }) => isOfVariant(path, variant));
  if (own.length > 0) return own;
  const plain = files.filter(({ path }) => variantOf(path) === undefined);
  return plain.length > 0 ? plain : [...files];
}

/** `unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors` is of variant fp16. */
function variantOf(path: string): string | undefined {
  const [, variant] =
    /\.([\w]+?)(?:-\d+-of-\d+)?\.(?:safetensors|gguf)$/i.exec(path.slice(path.lastIndexOf("/") + 1)) ?? [];
  return variant;
}

function isOfVariant(path: string, variant: string): boolean {
  return variantOf(path) === variant;
}

function list(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(", ")} and ${names.length - 12} more` : names.join(", ");
}
