import { access, copyFile, mkdir, statfs, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { findInHubCache, hubCacheFolder, hubRepositoryFolder, readHubId } from "@latentkit/backend-local";
import { saveFile } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import { type Choice, chooseFiles } from "./choose-files.ts";
import { downloadFile } from "./download-file.ts";
import { type Hub, type HubFile, readSnapshot } from "./hub.ts";

/** What to bring. */
export interface PullOptions {
  /** `owner/name`. */
  name: string;
  revision: string;
  /** Single files; all that a model needs where there are none. */
  files: readonly string[];
  variant?: string | undefined;
  cache?: string;
  signal: AbortSignal;
  /** Told once what will be brought, and then how far it is. */
  view: PullView;
}

/** What is seen of a pull. */
export interface PullView {
  begin(choice: Choice, bytes: number): void;
  /** How many bytes of all are there. */
  progress(file: HubFile, bytes: number): void;
}

/** What a pull left on the disk. */
export interface Pulled {
  /** The snapshot's folder, or the file where one was asked for. */
  path: string;
  commit: string;
  files: number;
  bytes: number;
  skipped: string[];
}

/**
 * Brings a model of the Hub's into its cache, in the layout that Python's tools share: blobs by their hash, and a snapshot that links to
 * them. What is there already is not brought again. The revision points to the snapshot only when all of it is there.
 *
 * @throws UsageError, and whatever {@link readSnapshot} and {@link downloadFile} throw.
 */
export async function pull(
  hub: Hub,
  { name, revision, files: named, variant, cache = hubCacheFolder(), signal, view }: PullOptions,
): Promise<Pulled> {
  const id = { name, revision };
  if (readHubId(`${name}@${revision}`) === undefined)
    throw new UsageError(`${name}@${revision} is no model's name on the Hub: it must be owner/name`);
  if (hub.isOffline) {
    const path = await findInHubCache(id, cache);
    return { path, commit: path.split(/[\\/]/).at(-1)!, files: 0, bytes: 0, skipped: [] };
  }
  const { commit, files: all } = await readSnapshot(hub, name, revision, signal);
  const choice = chooseFiles(all.filter(isSafe), named, variant);
  const repository = hubRepositoryFolder(id, cache);
  const blobOf = (file: HubFile) => join(repository, "blobs", file.oid);
  const missing: HubFile[] = [];
  for (const file of choice.files) if (!(await exists(blobOf(file)))) missing.push(file);
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  await checkSpace(cache, bytes);
  view.begin({ ...choice, files: missing }, bytes);
  const snapshot = join(repository, "snapshots", commit);
  let done = 0;
  for (const file of choice.files) {
    signal.throwIfAborted();
    if (missing.includes(file)) {
      const progress = (part: number) => view.progress(file, done + part);
      await downloadFile({ hub, name, commit, file, target: blobOf(file), signal, progress });
      done += file.size;
      progress(0);
    }
    await link(blobOf(file), join(snapshot, file.path));
  }
  await pointTo(repository, revision, commit);
  const [only] = choice.files;
  const path = named.length === 1 ? join(snapshot, only!.path) : snapshot;
  return { path, commit, files: choice.files.length, bytes, skipped: choice.skipped.map((file) => file.path) };
}

/** A name out of a repository that would leave the cache, or that has no hash to be told by, is passed over. */
function isSafe({ path, oid }: HubFile): boolean {
  const parts = path.split(/[\\/]/);
  return /^[0-9a-f]{40,64}$/.test(oid) && !parts.includes("..") && !parts.includes("") && !/^[a-z]:/i.test(path);
}

async function checkSpace(cache: string, bytes: number): Promise<void> {
  await mkdir(cache, { recursive: true });
  const { bavail, bsize } = await statfs(cache);
  if (bavail * bsize >= bytes) return;
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
  throw new UsageError(
    `${cache} has room for ${gigabytes(bavail * bsize)}; ${gigabytes(bytes)} are to come. HF_HUB_CACHE puts the cache elsewhere`,
  );
}

/** Symbolic links, as Python's tools make them; copies where a system has none. */
async function link(blob: string, path: string): Promise<void> {
  if (await exists(path)) return;
  await mkdir(dirname(path), { recursive: true });
  await symlink(relative(dirname(path), blob), path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return;
    if (error.code !== "EPERM" && error.code !== "ENOTSUP") throw error;
    await copyFile(blob, path);
  });
}

async function pointTo(repository: string, revision: string, commit: string): Promise<void> {
  if (revision === commit) return;
  const ref = join(repository, "refs", revision);
  await saveFile(ref, Buffer.from(commit));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
