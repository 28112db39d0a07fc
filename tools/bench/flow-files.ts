import { existsSync, readFileSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gunzipSync } from "node:zlib";
import type { Weights } from "../../packages/backend-local/src/files/weights.ts";
import { buildQwen3 } from "../../packages/backend-local/src/networks/qwen3/qwen3.ts";
import { isLinearWeight, rotationOf } from "../../packages/backend-local/src/quantise/quantise-format.ts";
import { quantizeModel } from "../../packages/backend-local/src/quantise/quantize-model.ts";
import { benchFolder } from "./bench-model.ts";
import { elements, wantedTensors } from "./random-weights.ts";

/** A flow model's files by their parts, in the exact size of the published ones, with random weights. */
export interface FlowFiles {
  transformer: string;
  textEncoder: string;
  vae: string;
}

/** Published flow models that benchmarks run, by their name among the fixtures and what their files are called. */
export const flowModels = {
  "z-image-turbo": { transformer: "z-image", vae: "flux-vae" },
  "flux2-klein-4b": { transformer: "flux2-klein-4b", vae: "flux2-vae" },
} as const;
/** `"z-image-turbo"` or `"flux2-klein-4b"`. */
export type FlowModel = keyof typeof flowModels;
/** What the transformer is stored in. The text encoder is bf16, the VAE float32, as ComfyUI's files are. */
export type FlowFormat = "bf16" | "int8_convrot" | "q8_0" | "q4_0";

/** Makes a model's files where they are not there yet. Some GB each: {@link benchFolder} is the user's to empty. */
export async function flowFiles(model: FlowModel, format: FlowFormat): Promise<FlowFiles> {
  const published = JSON.parse((await unzipped()).toString()) as Record<string, Published>;
  const { transformer, vae } = flowModels[model];
  const ending = format.startsWith("q") ? "gguf" : "safetensors";
  const files = {
    transformer: join(benchFolder, `${model}-${format}.${ending}`),
    textEncoder: join(benchFolder, "qwen_3_4b-bf16.safetensors"),
    vae: join(benchFolder, `${vae}-f32.safetensors`),
  };
  await mkdir(benchFolder, { recursive: true });
  const { original } = published[transformer]!;
  if (format === "q8_0" || format === "q4_0") {
    const { transformer: source } = await flowFiles(model, "bf16");
    if (!existsSync(files.transformer)) await quantizeModel(source, files.transformer, { format });
  } else
    await unlessThere(files.transformer, () => (format === "bf16" ? plain(original!, "BF16") : convRotated(original!)));
  await unlessThere(files.vae, () => plain(published[vae]!.original!, "F32"));
  await unlessThere(files.textEncoder, () => {
    const wanted = wantedTensors((weights: Weights) => buildQwen3(published["qwen3-4b"]!.config, weights));
    return plain(Object.fromEntries([...wanted].map(([name, shape]) => [`model.${name}`, shape])), "BF16");
  });
  return files;
}

/** A model's transformer's config.json, as published. */
export function publishedConfig(model: FlowModel): unknown {
  const path = new URL("../../packages/backend-local/fixtures/published-transformers.json.gz", import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString())[flowModels[model].transformer].config;
}

interface Published {
  original?: Shapes;
  config: unknown;
}
type Shapes = Readonly<Record<string, readonly number[]>>;

async function unzipped(): Promise<Buffer> {
  const path = new URL("../../packages/backend-local/fixtures/published-transformers.json.gz", import.meta.url);
  return promisify(gunzip)(await readFile(path));
}

/** A tensor and its bytes, as a stretch that goes on over and over. */
interface Written {
  name: string;
  dtype: "BF16" | "F32" | "I8" | "U8";
  shape: readonly number[];
  bytes: Uint8Array;
}

const sizes = { BF16: 2, F32: 4, I8: 1, U8: 1 };

/** An odd number, so that no two rows of a matrix are alike. */
const repeat = 1_000_003;

/** Random numbers of variance 1/fan-in, so that a pass keeps its scale; ones and zeros for what is one-dimensional. */
function* plain(shapes: Shapes, dtype: "BF16" | "F32"): Generator<Written> {
  for (const [name, shape] of Object.entries(shapes)) yield { name, dtype, shape, bytes: numbers(name, shape, dtype) };
}

/** ComfyUI's quantised layout, for the layers that it quantises. */
function* convRotated(shapes: Shapes): Generator<Written> {
  const small = Int8Array.from({ length: repeat }, (_, i) => Math.round(127 * noise[i]!));
  for (const [name, shape] of Object.entries(shapes)) {
    const [rows = 1, columns = 1] = shape;
    const group = rotationOf(columns);
    if (group === undefined || !isLinearWeight({ name, shape } as never, false)) {
      yield { name, dtype: "BF16", shape, bytes: numbers(name, shape, "BF16") };
      continue;
    }
    const layer = name.slice(0, -".weight".length);
    const scale = new Float32Array(rows).fill(Math.sqrt(3 / columns) / 127);
    const how = { format: "int8_tensorwise", convrot: true, convrot_groupsize: group };
    const text = new TextEncoder().encode(JSON.stringify(how));
    yield { name, dtype: "I8", shape, bytes: new Uint8Array(small.buffer) };
    yield { name: `${layer}.weight_scale`, dtype: "F32", shape: [rows, 1], bytes: new Uint8Array(scale.buffer) };
    yield { name: `${layer}.comfy_quant`, dtype: "U8", shape: [text.length], bytes: text };
  }
}

const noise = Float32Array.from({ length: repeat }, uniform());

function numbers(name: string, shape: readonly number[], dtype: "BF16" | "F32"): Uint8Array {
  const scale = Math.sqrt(3 / elements(shape.slice(1)));
  const isVector = elements(shape) === shape[0];
  const constant =
    /running_var|(norm\w*|\.scale|\b[kq]_norm|cap_embedder\.0).*$/.test(name) && !/bias|mean/.test(name) ? 1 : 0;
  const values = isVector ? new Float32Array(shape[0]!).fill(constant) : noise.map((value) => value * scale);
  if (dtype === "F32") return new Uint8Array(values.buffer as ArrayBuffer);
  const bits = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(bits, (each) => (each + 0x8000) >>> 16).buffer);
}

/** Writes a safetensors file, which appears under its name only when it is whole. */
async function unlessThere(path: string, tensors: () => Iterable<Written>): Promise<void> {
  if (existsSync(path)) return;
  let end = 0;
  const entries = [...tensors()].map(({ name, dtype, shape }) => {
    const begin = end;
    end += elements(shape) * sizes[dtype];
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(`${path}.part`, "w");
  await file.write(length);
  await file.write(header);
  let count = 0;
  for (const { dtype, shape, bytes } of tensors()) {
    // No two tensors are alike: equal ones would be kept once.
    let from = ((count++ * 7919) % (bytes.length / sizes[dtype])) * sizes[dtype];
    if (dtype === "U8") from = 0;
    for (let left = elements(shape) * sizes[dtype]; left > 0; from = 0) {
      const part = bytes.subarray(from, from + Math.min(left, bytes.length - from));
      await file.write(part);
      left -= part.length;
    }
  }
  await file.close();
  await rename(`${path}.part`, path);
}

/** Numbers in −1 to 1, the same each time (a linear congruential generator: Numerical Recipes' constants). */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
