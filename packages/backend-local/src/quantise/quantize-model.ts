import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigError } from "@latentkit/core";
import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { fileWeights, folderWeights, type Weights } from "../files/weights.ts";
import { looksLike } from "../models/looks-like.ts";
import { recogniseFile } from "../models/recognise-file.ts";
import { architectureOfPipeline } from "../models/stated-architecture.ts";
import { atomicFile } from "./atomic-file.ts";
import { isGgufFormat, type QuantizeFormat, quantizeFormats } from "./quantise-format.ts";
import { type PlannedTensor, plannedBlocks, plannedTensors } from "./quantised-tensor.ts";
import { ggufHeader, padded } from "./write-gguf.ts";

/** How {@link quantizeModel} is to write. */
export interface QuantizeOptions {
  format: QuantizeFormat;
  /** Whether a file that is there is replaced. Default false. */
  overwrite?: boolean;
  /** Told how many of the source's bytes are done, of how many. */
  onProgress?: (done: number, of: number) => void;
  signal?: AbortSignal;
}

/** What was written. */
export interface QuantizedFile {
  path: string;
  /** Bytes of the tensors before, and of the file. */
  from: number;
  to: number;
  /** How many weights were quantised, of how many tensors. */
  quantised: number;
  tensors: number;
}

/**
 * Writes a model's weights in fewer bits: a checkpoint as a checkpoint (safetensors) or its denoising network alone (GGUF); a folder's
 * network as a file of that network. What is quantised are the linear layers of the network that denoises (of a text encoder where the file
 * is that), and in GGUF its kernels; embeddings, norms, first and last layers stay, as other programs keep them. Reads and writes a
 * stretch at a time; the file appears when it is whole.
 *
 * @param source a weights file, a network's folder, or a model's folder, whose UNet or transformer is taken.
 * @throws {@link ConfigError} for a format or target that can't be, {@link ModelError} for a source that can't be read.
 */
export async function quantizeModel(source: string, target: string, options: QuantizeOptions): Promise<QuantizedFile> {
  const { format, overwrite = false, onProgress, signal } = options;
  const path = resolve(target);
  requireTarget(path, format, overwrite);
  const weights = await open(resolve(source));
  const all = [...weights.names()].map((name) => weights.find(name)!);
  if (all.some(({ file }) => file === path)) throw refused("out", `${target} is a file that is read from`);
  const planned = isGgufFormat(format) ? await ggufPlan(weights, all, format) : safetensorsPlan(all, format);
  const quantised = planned.tensors.filter((tensor) => tensor.quantised).length;
  if (quantised === 0)
    throw modelError("unsupported", `${weights.source} has no weights that ${format} could hold`, {
      file: weights.source,
    });
  const of = planned.tensors.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  await atomicFile(path, async (put) => {
    await put(planned.header);
    for (const tensor of planned.tensors) {
      let written = 0;
      for await (const bytes of tensor.read()) {
        signal?.throwIfAborted();
        await put(bytes);
        written += bytes.length;
        done += bytes.length;
        onProgress?.(done, of);
      }
      if (written !== tensor.length)
        throw new Error(`${tensor.name} has ${written} bytes where ${tensor.length} were planned`);
      if (planned.padding) await put(new Uint8Array(padded(written) - written));
    }
  });
  const from = all.reduce((sum, { length }) => sum + length, 0);
  return { path, from, to: (await stat(path)).size, quantised, tensors: all.length };
}

interface Plan {
  header: Uint8Array;
  tensors: readonly PlannedTensor[];
  padding: boolean;
}

function requireTarget(path: string, format: QuantizeFormat, overwrite: boolean): void {
  if (!quantizeFormats.includes(format))
    throw refused("format", `format: must be one of ${quantizeFormats.join(", ")}`);
  const ending = isGgufFormat(format) ? ".gguf" : ".safetensors";
  if (!path.endsWith(ending)) throw refused("out", `${path} must end with ${ending} for ${format}`);
  if (!overwrite && existsSync(path)) throw refused("out", `${path} is there already; overwrite (--force) replaces it`);
}

function refused(field: string, message: string) {
  return new ConfigError(message, { backend: "local", details: { field } });
}

async function open(path: string): Promise<Weights> {
  const stats = await stat(path).catch((cause: Error) => {
    throw modelError("missing", `There is no ${path}`, { file: path, cause });
  });
  if (!stats.isDirectory()) return fileWeights(path);
  const network = ["transformer", "unet"].map((name) => join(path, name)).find((folder) => existsSync(folder));
  return folderWeights(network ?? path);
}

function safetensorsPlan(all: readonly WeightTensor[], format: QuantizeFormat): Plan {
  const whole = all.some(({ name }) => name.startsWith("model.diffusion_model."));
  const tensors = all.flatMap((tensor) => plannedTensors(tensor, format, whole));
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, length }) => {
    end += length;
    return [name, { dtype, shape, data_offsets: [end - length, end] }];
  });
  const text = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  // The data begins at a multiple of 8, as the reference writes it.
  const json = Buffer.from(text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8));
  const size = Buffer.from(BigUint64Array.of(BigInt(json.length)).buffer);
  return { header: Buffer.concat([size, json]), tensors, padding: false };
}

const prefix = "model.diffusion_model.";
/** What ComfyUI-GGUF calls families that are none of this package's, by what their files look like. */
const architectures: Readonly<Record<string, string>> = {
  "Z-Image or Lumina 2": "lumina2",
  AuraFlow: "aura",
  HiDream: "hidream",
};
const fileTypes = { q8_0: 7, q4_0: 2 };

async function ggufPlan(weights: Weights, all: readonly WeightTensor[], format: "q8_0" | "q4_0"): Promise<Plan> {
  const whole = all.some(({ name }) => name.startsWith(prefix));
  const network = whole ? all.filter(({ name }) => name.startsWith(prefix)) : all;
  const tensors = network.map((tensor) => plannedBlocks(tensor, format, tensor.name.slice(whole ? prefix.length : 0)));
  const header = ggufHeader(await architectureOf(weights), fileTypes[format], tensors);
  return { header, tensors, padding: true };
}

async function architectureOf(weights: Weights): Promise<string> {
  const known = architectures[looksLike(weights) ?? ""];
  const found = await recogniseFile(weights).catch((error) => {
    if (known === undefined) throw error;
    return undefined;
  });
  if (found === undefined) return known!;
  const called = found.kind === "model" ? architectureOfPipeline(found.model.pipeline) : undefined;
  if (called !== undefined) return called;
  const what = found.kind === "model" ? "a model that ComfyUI-GGUF has no name for" : `a ${found.part}`;
  throw modelError("unsupported", `${weights.source}: GGUF files are written of networks that denoise; it is ${what}`, {
    file: weights.source,
  });
}
