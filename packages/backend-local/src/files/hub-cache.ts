import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ModelError } from "@latentkit/core";
import { modelError } from "./model-error.ts";

/** A model on the Hugging Face Hub: `owner/name`, at a branch, tag or commit where one is named. */
export interface HubId {
  name: string;
  revision: string;
}

/** Endings of files: a path that isn't there, rather than a model of the Hub's. */
const files = /\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx|json|zip)$/i;

/**
 * A model's name as one of the Hub's, `owner/name` or `owner/name@revision`; undefined where it can only be a path.
 *
 * @example `readHubId("stabilityai/sdxl-turbo@main")` is `{ name: "stabilityai/sdxl-turbo", revision: "main" }`.
 */
export function readHubId(text: string): HubId | undefined {
  const [, name, revision = "main"] = /^([\w][\w.-]*\/[\w][\w.-]*)(?:@([\w][\w./-]*))?$/.exec(text) ?? [];
  if (name === undefined || files.test(name) || /\.\.|--/.test(`${name}${revision}`)) return undefined;
  return { name, revision };
}

/** The Hub's cache, where `HF_HUB_CACHE`, `HF_HOME` or `XDG_CACHE_HOME` put it: the folder that Python's tools share. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE;
  if (own) return own;
  return join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub");
}

/** The folder of a model in the cache. */
export function hubRepositoryFolder({ name }: HubId, cache = hubCacheFolder()): string {
  return join(cache, `models--${name.replace("/", "--")}`);
}

/**
 * The folder of a model's snapshot in the Hub's cache. Nothing is fetched.
 *
 * @throws ModelError with the commands that bring it, where it isn't there.
 */
export async function findInHubCache(id: HubId, cache = hubCacheFolder()): Promise<string> {
  const repository = hubRepositoryFolder(id, cache);
  const commit = await readFile(join(repository, "refs", id.revision), "utf8").catch(() => undefined);
  const snapshots = await readdir(join(repository, "snapshots")).catch((): string[] => []);
  // A commit may be named by its beginning, where that says which.
  const named = snapshots.filter((snapshot) => /^[0-9a-f]{7,}$/.test(id.revision) && snapshot.startsWith(id.revision));
  const snapshot = commit?.trim() ?? (named.length === 1 ? named[0] : undefined);
  if (snapshot !== undefined && snapshots.includes(snapshot)) return join(repository, "snapshots", snapshot);
  throw notInCache(id, repository, await revisionsIn(repository), snapshots);
}

/**
 * Opens a model by its name: a path or file URL that is there goes before a model of the Hub's, `owner/name`, in its cache.
 *
 * @throws ModelError as `open` does, and with the commands that bring a model of the Hub's that isn't there.
 */
export async function withHubCache<T>(name: string, open: (path: string) => Promise<T>): Promise<T> {
  const path = name.startsWith("file:") ? fileURLToPath(name) : name;
  const id = existsSync(path) ? undefined : readHubId(name);
  if (id === undefined) return open(path);
  const snapshot = await findInHubCache(id);
  return open(await onlyFileOf(snapshot)).catch((error: unknown) => {
    throw ModelError.isInstance(error) && error.details.problem === "missing" ? incompleteInCache(id, error) : error;
  });
}

/** The one file of weights in a snapshot that is no model folder, such as a checkpoint that was brought alone; else the folder itself. */
async function onlyFileOf(snapshot: string): Promise<string> {
  if (["model_index.json", "modular_model_index.json"].some((name) => existsSync(join(snapshot, name))))
    return snapshot;
  const names = await readdir(snapshot, { recursive: true });
  const [only, ...others] = names.filter((name) => /\.(safetensors|gguf)$/i.test(name));
  return only === undefined || others.length > 0 ? snapshot : join(snapshot, only);
}

/** What is missing where a model of the Hub's lacks files: a download that was not finished. */
function incompleteInCache(id: HubId, cause: ModelError): ModelError {
  const message = `${cause.message}. In the Hub's cache it may be there in part: ${commands(id)}`;
  const { problem = "missing", file } = cause.details as { problem?: "missing"; file?: string };
  return modelError(problem, message, { file, cause });
}

function notInCache(id: HubId, repository: string, revisions: readonly string[], snapshots: readonly string[]) {
  const has =
    revisions.length > 0
      ? `The Hub's cache has ${id.name} at ${revisions.join(", ")}, not at ${id.revision}`
      : snapshots.length > 0
        ? `The download of ${id.name} into the Hub's cache was not finished`
        : `There is no folder ${id.name} here, and no such model in the Hub's cache (${repository})`;
  return modelError("missing", `${has}. ${commands(id)}`, { file: repository });
}

function commands({ name, revision }: HubId): string {
  const at = revision === "main" ? "" : ` --revision ${revision}`;
  return `Bring it with "latentkit models pull ${name}${at}" or with "hf download ${name}${at}"`;
}

async function revisionsIn(repository: string): Promise<string[]> {
  const folder = join(repository, "refs");
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const isFile = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).isFile()));
  return names.filter((_, i) => isFile[i]).sort();
}
