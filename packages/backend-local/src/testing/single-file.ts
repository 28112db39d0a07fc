import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { readSafetensors, type SafetensorsFile } from "../files/safetensors.ts";
import { temporaryFolder } from "./test-model.ts";

const folder = fileURLToPath(new URL("../../fixtures/single-files/", import.meta.url));

/** A tiny checkpoint in the original naming (tools/oracle/single_files.py), unpacked. */
export async function singleFile(name: string): Promise<string> {
  const path = join(await temporaryFolder(), `${name}.safetensors`);
  const packed = await readFile(`${folder}${name}.safetensors.br`);
  await writeFile(path, await promisify(brotliDecompress)(packed));
  return path;
}

/** Its cases: requests, and what diffusers says of its configs. */
export async function singleFileCases(name: string): Promise<SingleFileCases> {
  return JSON.parse(await readFile(`${folder}${name}.json`, "utf8"));
}

/** What the oracle wrote about a single file. */
export interface SingleFileCases {
  pipeline: string;
  cases: { name: string; task: string; strength?: number }[];
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
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const data: Buffer[] = [];
  let at = 0;
  const kept: Record<string, unknown> = { ...more };
  for (const [name, entry] of Object.entries(header)) {
    const own = name === "__metadata__" ? undefined : change(name);
    if (own === undefined) continue;
    const [begin, end] = entry.data_offsets;
    data.push(bytes.subarray(8 + length + begin, 8 + length + end));
    kept[own] = { ...entry, data_offsets: [at, at + end - begin] };
    at += end - begin;
  }
  const text = Buffer.from(JSON.stringify(kept));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const changed = path.replace(/\.safetensors$/, "-changed.safetensors");
  await writeFile(changed, Buffer.concat([size, text, ...data]));
  return changed;
}
