import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { readSafetensors, type SafetensorsFile } from "../files/safetensors.ts";
import { temporaryFolder } from "./test-model.ts";

const folder = fileURLToPath(new URL("../../fixtures/single-files/", import.meta.url));

/** A tiny checkpoint in the original naming (tools/oracle/single_files.py), unpacked: its own tensors over those of the one it is like. */
export async function singleFile(name: string): Promise<string> {
  const path = join(await temporaryFolder(), `${name}.safetensors`);
  const own = await unpacked(name);
  const { like } = await singleFileCases(name);
  await writeFile(path, like === undefined ? own : joined(await unpacked(like), own));
  return path;
}

async function unpacked(name: string): Promise<Buffer> {
  return promisify(brotliDecompress)(await readFile(`${folder}${name}.safetensors.br`));
}

/** One safetensors file of two, with the second's tensors where both have one. */
function joined(...files: readonly Buffer[]): Buffer {
  const tensors = new Map(files.flatMap((file) => [...tensorsOf(file)]));
  return safetensorsOf(tensors);
}

type StoredTensor = { entry: { data_offsets: [begin: number, end: number] }; data: Buffer };

/** A file's tensors, without its metadata. */
function* tensorsOf(bytes: Buffer): Generator<[name: string, tensor: StoredTensor]> {
  const from = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, from).toString()) as Record<string, StoredTensor["entry"]>;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    yield [name, { entry, data: bytes.subarray(from + begin, from + end) }];
  }
}

/** Tensors one after the other, under a header that begins with `more`. */
function safetensorsOf(
  tensors: Iterable<[name: string, tensor: StoredTensor]>,
  more: Record<string, unknown> = {},
): Buffer {
  const header: Record<string, unknown> = { ...more };
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, { entry, data }] of tensors) {
    header[name] = { ...entry, data_offsets: [at, at + data.length] };
    parts.push(data);
    at += data.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, ...parts]);
}

/** Its cases: requests, and what diffusers says of its configs. */
export async function singleFileCases(name: string): Promise<SingleFileCases> {
  return JSON.parse(await readFile(`${folder}${name}.json`, "utf8"));
}

/** What the oracle wrote about a single file. */
export interface SingleFileCases {
  /** The checkpoint whose tensors it has beside its own. */
  like?: string;
  pipeline: string;
  cases: { name: string; task: string; strength?: number; negative?: null }[];
  /** By component, as the reference's classes save them. */
  configs: Record<string, Record<string, unknown>>;
}

let pictures: Promise<[file: SafetensorsFile, bytes: Buffer]> | undefined;

/** An oracle's picture, `[height, width, 3]` in bytes: `"<file>.<case>"`, or `"input"`. */
export async function oraclePicture(name: string): Promise<{ width: number; height: number; data: Uint8Array }> {
  const path = `${folder}pictures.safetensors`;
  pictures ??= Promise.all([readSafetensors(path), readFile(path)]);
  const [{ tensors }, bytes] = await pictures;
  const { offset, length, shape } = tensors.get(name)!;
  const [height = 0, width = 0] = shape;
  return { width, height, data: new Uint8Array(bytes.subarray(offset, offset + length)) };
}

/** How far two pictures are apart, in 255ths. */
export function difference(a: Uint8Array, b: Uint8Array): { mean: number; max: number } {
  if (a.length !== b.length) throw new Error(`${a.length} bytes beside ${b.length}`);
  let [sum, max] = [0, 0];
  for (const [i, value] of a.entries()) {
    const apart = Math.abs(value - b[i]!);
    sum += apart;
    if (apart > max) max = apart;
  }
  return { mean: sum / a.length, max };
}

/** Rewrites a safetensors file with other tensors' names, metadata or none of some: `change` gives the new name, or undefined. */
export async function rewriteFile(
  path: string,
  change: (name: string) => string | undefined,
  more: Record<string, unknown> = {},
): Promise<string> {
  const kept: [string, StoredTensor][] = [];
  for (const [name, tensor] of tensorsOf(await readFile(path))) {
    const own = change(name);
    if (own !== undefined) kept.push([own, tensor]);
  }
  const changed = path.replace(/\.safetensors$/, "-changed.safetensors");
  await writeFile(changed, safetensorsOf(kept, more));
  return changed;
}
