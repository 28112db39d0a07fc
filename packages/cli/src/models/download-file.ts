import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { GenerationError, LatentKitError } from "@latentkit/core";
import pRetry from "p-retry";
import { type Hub, type HubFile, hubError } from "./hub.ts";
import { withLock } from "./lock.ts";

/** What is downloaded, and where to. */
export interface Download {
  hub: Hub;
  name: string;
  commit: string;
  file: HubFile;
  /** Where the file will lie; while it is not whole it lies beside, with `.incomplete` at its end. */
  target: string;
  signal: AbortSignal;
  /** Told how many bytes are there, again and again. */
  progress(bytes: number): void;
  /** How often it is begun anew after an interruption. Default 5. */
  retries?: number;
}

/**
 * Downloads one file, going on where an earlier download stopped, also another process's. Its size and hash are those of the server, or
 * it is not there.
 *
 * @throws ConnectionError, GenerationError when the server's file is not what it says.
 */
export async function downloadFile(download: Download): Promise<void> {
  const { target, signal, retries = 5, hub, name, commit } = download;
  await mkdir(dirname(target), { recursive: true });
  // A file that is of other bytes twice is no accident of the way.
  let wrong = 0;
  await withLock(`${target}.lock`, () =>
    pRetry(
      async () => {
        try {
          await attempt(download, () => ++wrong === 1);
        } catch (error) {
          signal.throwIfAborted();
          throw LatentKitError.isInstance(error) ? error : hubError(error, hub, name, commit);
        }
      },
      {
        retries,
        minTimeout: 200,
        maxTimeout: 10_000,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => !isFinal(error),
      },
    ),
  );
}

/** What another try would meet again. */
function isFinal(error: unknown): boolean {
  return LatentKitError.isInstance(error) && !error.retryable;
}

async function attempt(download: Download, mayRepeat: () => boolean): Promise<void> {
  const { hub, name, commit, file, target, signal, progress } = download;
  const incomplete = `${target}.incomplete`;
  const had = (await stat(incomplete).catch(() => undefined))?.size ?? 0;
  // Longer than the file is, it can't be the beginning of it.
  const from = had > file.size ? 0 : had;
  const hash = hashOf(file);
  if (from < file.size) {
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    const response = await hub.fetch(`${hub.endpoint}/${name}/resolve/${commit}/${path}`, {
      signal,
      headers: { "accept-encoding": "identity", ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    });
    if (response.status !== 416) await receive(response, { file, incomplete, from, hash, progress });
    else await rm(incomplete, { force: true });
  } else await addTo(hash, incomplete, file.size);
  const { size } = await stat(incomplete).catch(() => ({ size: 0 }));
  if (size < file.size) throw broken(file, `only ${size} of ${file.size} bytes came`);
  const digest = hash.digest("hex");
  if (size === file.size && (file.oid === "" || digest === file.oid)) return rename(incomplete, target);
  // It can't be gone on with: the next try begins at its beginning.
  await rm(incomplete, { force: true });
  const why = size > file.size ? `${size} bytes came, not ${file.size}` : `its hash is ${digest}, not ${file.oid}`;
  throw broken(file, why, mayRepeat());
}

interface Receiving {
  file: HubFile;
  incomplete: string;
  from: number;
  hash: Hash;
  progress(bytes: number): void;
}

async function receive(response: Response, { file, incomplete, from, hash, progress }: Receiving): Promise<void> {
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { statusCode: response.status });
  // A server may give the whole file although a part was asked for.
  const start = response.status === 206 ? startOf(response, from) : 0;
  if (start > 0) await addTo(hash, incomplete, start);
  let bytes = start;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      hash.update(chunk);
      progress(Math.min(bytes, file.size));
      done(bytes > file.size ? broken(file, `more than its ${file.size} bytes came`) : null, chunk);
    },
  });
  const to = createWriteStream(incomplete, start > 0 ? { flags: "r+", start } : {});
  await pipeline(Readable.fromWeb(response.body as ReadableStream), counted, to);
}

/** Adds the first bytes of a file to a hash. */
async function addTo(hash: Hash, path: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  for await (const chunk of createReadStream(path, { end: bytes - 1 })) hash.update(chunk as Buffer);
}

/** Where a partial answer begins: as it was asked for, or else it is not used. */
function startOf(response: Response, asked: number): number {
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
  if (start === asked) return start;
  throw Object.assign(new Error("another part of the file came than was asked for"), { statusCode: response.status });
}

/** The hash that the Hub names a file by: SHA-256 of a large one, git's blob hash of another. */
function hashOf({ isLarge, size }: HubFile): Hash {
  if (isLarge) return createHash("sha256");
  const hash = createHash("sha1");
  hash.update(`blob ${size}\0`);
  return hash;
}

function broken({ path }: HubFile, why: string, retryable = true): GenerationError {
  return new GenerationError(`${path} did not come whole: ${why}.`, { retryable, details: { file: path } });
}
