import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isGguf, readGguf } from "./gguf.ts";
import { modelError } from "./model-error.ts";
import { readQuantisedLayout } from "./quantised-layout.ts";
import { clip, quote } from "./quote.ts";
import { readJson } from "./read-json.ts";
import { readSafetensors, type WeightTensor } from "./safetensors.ts";

/** The named tensors of one network, wherever they lie. */
export interface Weights {
  /** The file or folder they come from, for messages. */
  readonly source: string;
  /** The tensor of this name, or undefined where the files hold none. `shape` is what the caller will need it to have. */
  find(name: string, shape?: readonly number[]): WeightTensor | undefined;
  /** Every tensor's name, in no particular order. */
  names(): Iterable<string>;
  /** The file's own notes about itself, where it has any. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Weights held in one safetensors or GGUF file. @throws {@link ModelError} as {@link readSafetensors} and {@link readGguf} do. */
export async function fileWeights(path: string): Promise<Weights> {
  refusePickle(path);
  const { tensors, metadata } = await (isGguf(path) ? readGguf(path) : readSafetensors(path));
  return { ...weightsOf(path, await readQuantisedLayout(path, tensors, metadata)), metadata };
}

function weightsOf(source: string, tensors: ReadonlyMap<string, WeightTensor>): Weights {
  return { source, find: (name) => tensors.get(name), names: () => tensors.keys() };
}

const stems = ["diffusion_pytorch_model", "model"];
const pickled = /\.(bin|ckpt|pt|pth|pkl)$/i;

/**
 * Weights of a network's folder in the diffusers layout: `diffusion_pytorch_model.safetensors` or `model.safetensors`,
 * sharded (`….safetensors.index.json`) or not, and the `variant` (such as `"fp16"`) where it is asked for or is all there is.
 *
 * @throws {@link ModelError} when the folder has no safetensors weights; pickled ones are refused, never read.
 */
export async function folderWeights(folder: string, variant?: string): Promise<Weights> {
  const files = await filesOf(folder);
  for (const name of candidates(variant)) {
    if (!files.includes(name)) continue;
    return name.endsWith(".json") ? shardedWeights(folder, name) : fileWeights(join(folder, name));
  }
  const others = variantsIn(files);
  if (variant === undefined && others.length === 1) return folderWeights(folder, others[0]);
  if (others.length > 0) {
    const has = `${folder} has no ${variant === undefined ? "plain weights" : `variant "${variant}"`}; its variants are ${others.join(", ")}`;
    throw modelError("missing", has, { file: folder });
  }
  const pickle = files.find((name) => pickled.test(name));
  if (pickle !== undefined) refusePickle(join(folder, pickle));
  throw modelError("missing", `${folder} holds no weights: expected ${candidates(variant)[0]}`, { file: folder });
}

/** The variants that a network's folder has: `fp16` where there is a `diffusion_pytorch_model.fp16.safetensors` or its like. */
export async function variantsOf(folder: string): Promise<string[]> {
  return variantsIn(await filesOf(folder));
}

async function filesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: Error) => {
    throw modelError("missing", `Cannot read the folder ${folder}: ${cause.message}`, { file: folder, cause });
  });
}

function variantsIn(files: readonly string[]): string[] {
  const whole = /^\.([\w-]+?)\.safetensors(?:\.index\.json)?$/;
  const index = /^\.safetensors\.index\.([\w-]+)\.json$/;
  const tags = files.flatMap((file) => {
    const stem = stems.find((each) => file.startsWith(`${each}.`));
    const end = stem === undefined ? "" : file.slice(stem.length);
    const tag = (whole.exec(end) ?? index.exec(end))?.[1];
    return tag === undefined || /-\d{5}-of-\d{5}$/.test(tag) ? [] : [tag];
  });
  return [...new Set(tags)];
}

function candidates(variant: string | undefined): string[] {
  const plain = stems.flatMap((stem) => [`${stem}.safetensors`, `${stem}.safetensors.index.json`]);
  const variants = (tag: string) =>
    stems.flatMap((stem) => [
      `${stem}.${tag}.safetensors`,
      `${stem}.safetensors.index.${tag}.json`,
      `${stem}.${tag}.safetensors.index.json`,
    ]);
  return variant === undefined ? [...plain, ...variants("fp16")] : variants(variant);
}

/** Unpickling runs code that the file brings along, so a pickle is refused by its name alone. */
export function refusePickle(path: string): void {
  if (!pickled.test(path)) return;
  throw modelError(
    "pickle",
    `${path} is a pickled checkpoint, which can run code when loaded; use the model's .safetensors file instead`,
    { file: path },
  );
}

async function shardedWeights(folder: string, indexName: string): Promise<Weights> {
  const index = join(folder, indexName);
  const shardOf = await readIndex(index);
  const shards = new Map<string, ReadonlyMap<string, WeightTensor>>();
  for (const shard of new Set(shardOf.values())) {
    shards.set(shard, (await readSafetensors(join(folder, shard))).tensors);
  }
  for (const [tensor, shard] of shardOf) {
    if (shards.get(shard)?.has(tensor)) continue;
    throw modelError("missing", `${join(folder, shard)} lacks the tensor ${tensor} that ${indexName} places there`, {
      file: join(folder, shard),
      tensor,
    });
  }
  const all = [...shardOf].map(([tensor, shard]) => [tensor, shards.get(shard)!.get(tensor)!] as const);
  return weightsOf(index, await readQuantisedLayout(index, new Map(all)));
}

async function readIndex(path: string): Promise<Map<string, string>> {
  const fail = (message: string) => modelError("malformed", `${path}: ${message}`, { file: path });
  const { weight_map: map } = await readJson(path);
  if (typeof map !== "object" || map === null) throw fail("it has no weight_map");
  const entries = Object.entries(map as Record<string, unknown>);
  for (const [tensor, shard] of entries) {
    // A shard lies beside its index: a path would let the index point anywhere.
    if (typeof shard !== "string" || /[/\\]/.test(shard) || !shard.endsWith(".safetensors")) {
      throw fail(`${clip(tensor)} is placed in ${quote(shard)}, which is not the name of a .safetensors file here`);
    }
  }
  return new Map(entries as [string, string][]);
}
