import { createHash } from "node:crypto";
import { type FileHandle, open, stat } from "node:fs/promises";
import { readBytes } from "../files/read-json.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import type { Weights } from "../files/weights.ts";

/** Bytes of each tensor that are hashed, from its middle. */
const sampleBytes = 1024;

const known = new Map<string, string>();

/**
 * A hash of what defines a model's output, cheap enough for a checkpoint of gigabytes: the texts whole (configs,
 * scheduler, tokenizer, own defaults), and of each tensor its name, type, shape and 1 KiB from its middle. A change that leaves all of
 * that as it was goes unnoticed; merging a LoRA or training further does not.
 *
 * Where a file lies, and in how many shards, does not count. Kept in memory for as long as no file's path, size, time of
 * change or inode changes. `note` is what else makes it another model.
 */
export async function hashModel(
  texts: readonly string[],
  weights: readonly Weights[],
  note = "",
): Promise<{ hash: string; files: string[] }> {
  const parts = weights.map((each) => [...each.names()].sort().flatMap((name) => withScale(each.find(name)!)));
  const files = [...texts, ...new Set(parts.flat().map(({ file }) => file))];
  const stamp = `${note}${await stampOf(files)}${weights.map(({ source }) => source).join()}`;
  const hash = known.get(stamp) ?? (await compute(texts, parts, note));
  known.set(stamp, hash);
  return { hash, files };
}

function withScale(tensor: WeightTensor): readonly WeightTensor[] {
  return tensor.scale === undefined ? [tensor] : [tensor, tensor.scale];
}

/** Changes when any of the files does, or comes, or goes. */
export async function stampOf(files: readonly string[]): Promise<string> {
  const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  return JSON.stringify(stats.map((found, i) => [files[i], found?.size, found?.mtimeMs, found?.ino]));
}

async function compute(
  texts: readonly string[],
  parts: readonly (readonly WeightTensor[])[],
  note: string,
): Promise<string> {
  const hash = createHash("sha256").update(note);
  for (const text of await Promise.all(texts.map(readBytes))) {
    hash.update(`${text.length}\n`).update(text);
  }
  for (const tensors of parts) {
    const samples = await sample(tensors);
    for (const [i, { name, dtype, shape, rotation }] of tensors.entries()) {
      hash.update(JSON.stringify([name, dtype, shape, ...(rotation === undefined ? [] : [rotation])]));
      hash.update(samples[i]!);
    }
  }
  return `sha256:${hash.digest("hex")}`;
}

async function sample(tensors: readonly WeightTensor[]): Promise<Buffer[]> {
  const handles = new Map<string, FileHandle>();
  try {
    for (const { file } of tensors) if (!handles.has(file)) handles.set(file, await open(file, "r"));
    return await Promise.all(tensors.map((tensor) => middleOf(tensor, handles.get(tensor.file)!)));
  } finally {
    await Promise.all([...handles.values()].map((handle) => handle.close()));
  }
}

async function middleOf({ offset, length }: WeightTensor, handle: FileHandle): Promise<Buffer> {
  const size = Math.min(length, sampleBytes);
  const buffer = Buffer.alloc(size);
  if (size > 0) await handle.read(buffer, 0, size, offset + Math.floor((length - size) / 2));
  return buffer;
}
