import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { JobHandle } from "../backend.ts";
import type { SerializedError } from "../errors/latentkit-error.ts";
import { ManifestError } from "../errors/manifest-error.ts";
import { lock, unlock } from "./manifest-lock.ts";

/** A picture that a batch wrote. */
export interface BatchFile {
  path: string;
  seed?: number | string;
}

/** What a manifest knows of one item. */
export interface ManifestEntry {
  /** The item's id, or a hash of its request. */
  key: string;
  index: number;
  /** Of an item with an id: a hash of its request. Another one is another picture, whatever was done under the id. */
  request?: string;
  /** Path of its pictures without ending: they are written there. */
  stem?: string;
  /** Finds its job again at the service that runs it. */
  handle?: JobHandle;
  status?: "done" | "failed";
  files?: BatchFile[];
  error?: SerializedError;
}

const header = { latentkit: "manifest", version: 1 } as const;

/**
 * What a batch has done, as a file of JSON lines that only grows: each line says more of an item. A line that was cut off when the process
 * was killed is taken away; all before it count.
 */
export class Manifest {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #known: Map<string, ManifestEntry>;
  /** Bytes of all whole lines. */
  #size: number;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: FileHandle, known: Map<string, ManifestEntry>, size: number) {
    this.path = path;
    this.#file = file;
    this.#known = known;
    this.#size = size;
  }

  /** @throws ManifestError when the file is there and no manifest, is damaged, cannot be written, or another batch has it open. */
  static async open(path: string): Promise<Manifest> {
    await take(path);
    let file: FileHandle | undefined;
    try {
      const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return "";
        throw cause;
      });
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      const known = parse(whole, path);
      file = await open(path, "a");
      const size = Buffer.byteLength(whole);
      const manifest = new Manifest(path, file, known, size);
      await file.truncate(size);
      if (whole === "") await manifest.#append(header);
      return manifest;
    } catch (cause) {
      await file?.close().catch(() => {});
      unlock(path);
      if (ManifestError.isInstance(cause)) throw cause;
      throw unusable(path, cause);
    }
  }

  /** What an earlier run knew of an item; each is asked for once. */
  take(key: string): ManifestEntry | undefined {
    const entry = this.#known.get(key);
    this.#known.delete(key);
    return entry;
  }

  write(entry: ManifestEntry): Promise<void> {
    return this.#append(entry);
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#file.close();
    unlock(this.path);
  }

  /** One after the other, each line whole. */
  async #append(line: object): Promise<void> {
    const before = this.#writing;
    const own = before.catch(() => {}).then(() => this.#add(`${JSON.stringify(line)}\n`));
    this.#writing = own;
    try {
      await own;
    } catch (cause) {
      throw unusable(this.path, cause);
    }
  }

  /** What a full disk took of a line is taken away: the next one must not go on in the middle of it. */
  async #add(line: string): Promise<void> {
    try {
      await this.#file.appendFile(line);
      this.#size += Buffer.byteLength(line);
    } catch (cause) {
      await this.#file.truncate(this.#size).catch(() => {});
      throw cause;
    }
  }
}

async function take(path: string): Promise<void> {
  let owner: number | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    owner = lock(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (owner !== undefined)
    throw new ManifestError(
      `Another batch (process ${owner}) writes to ${path}: wait for it, or name another manifest.`,
    );
}

function parse(text: string, path: string): Map<string, ManifestEntry> {
  const known = new Map<string, ManifestEntry>();
  for (const [i, line] of text.split("\n").slice(0, -1).entries()) {
    const value = parseLine(line);
    const isHeader = value?.latentkit === header.latentkit;
    if (i === 0 && !isHeader)
      throw new ManifestError(`${path} is no manifest of a batch: name another file.`, { details: { file: path } });
    if (i === 0 && value?.version !== header.version)
      throw new ManifestError(`${path} is a manifest of version ${String(value?.version)}, which is not known here.`);
    if (isHeader) continue;
    if (typeof value?.key !== "string")
      throw new ManifestError(
        `${path} is damaged: line ${i + 1} is no entry. Take it out, or begin with another manifest.`,
        {
          details: { file: path, line: i + 1 },
        },
      );
    const entry = value as unknown as ManifestEntry;
    const before = known.get(entry.key);
    known.set(entry.key, isOther(before, entry.request) ? entry : { ...before, ...entry });
  }
  return known;
}

/** Whether what is known of an item is of another request than this. */
export function isOther(known: ManifestEntry | undefined, request: string | undefined): boolean {
  return known?.request !== undefined && request !== undefined && known.request !== request;
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, cause: unknown): ManifestError {
  const why = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
  return new ManifestError(`The manifest cannot be written: ${path} (${why}).`, { cause, details: { file: path } });
}
