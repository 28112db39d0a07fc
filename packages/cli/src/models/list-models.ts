import { readdir, readFile, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { hubCacheFolder } from "@latentkit/backend-local";

/** A snapshot of a model in the Hub's cache. */
export interface CachedModel {
  /** As `--model` takes it: `owner/name`, with `@revision` where that is not main. */
  id: string;
  commit: string;
  path: string;
  files: number;
  /** In bytes; snapshots share what is the same in them. */
  size: number;
}

/**
 * The models in the Hub's cache, by name; a snapshot once for each branch or tag that points to it. (`scanCacheDir` of @huggingface/hub looks
 * into no folder of a snapshot.)
 */
export async function listModels(cache = hubCacheFolder()): Promise<CachedModel[]> {
  const folders = (await names(cache)).filter((name) => /^models--.+--./.test(name));
  const models = await Promise.all(folders.map((folder) => modelsIn(join(cache, folder))));
  return models.flat().sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function modelsIn(repository: string): Promise<CachedModel[]> {
  const name = repository.slice(repository.lastIndexOf("models--") + "models--".length).replace("--", "/");
  const refs = new Map<string, string[]>();
  for (const ref of await filesBelow(join(repository, "refs"))) {
    const commit = (await readFile(join(repository, "refs", ref), "utf8")).trim();
    refs.set(commit, [...(refs.get(commit) ?? []), ref.replaceAll(sep, "/")]);
  }
  const snapshots = await Promise.all(
    (await names(join(repository, "snapshots"))).map(async (commit) => {
      const path = join(repository, "snapshots", commit);
      const files = await filesBelow(path);
      // A link to a blob that is gone has no size.
      const sizes = await Promise.all(
        files.map((file) =>
          stat(join(path, file)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      const about = { commit, path, files: files.length, size: sizes.reduce((sum, size) => sum + size, 0) };
      return (refs.get(commit) ?? [commit]).map((ref) => ({ id: ref === "main" ? name : `${name}@${ref}`, ...about }));
    }),
  );
  return snapshots.flat();
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((): string[] => []);
}

/** Paths of all files and links below a folder, from there. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
