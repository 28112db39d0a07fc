import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readJson } from "../files/read-json.ts";
import type { ModelPart, WeightsSource } from "./model.ts";
import { folderNameOf } from "./part-folder.ts";

/** An exported part's graphs. */
export type ExportedWeights = Extract<WeightsSource, { kind: "onnx" }>;

const graphFile = "model.onnx";

/** Folders of a part's networks in Optimum's layout, where they are not the part's own. */
const foldersOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  vae: { vaeDecoder: "vae_decoder", vaeEncoder: "vae_encoder" },
};

/** A pipeline's class without the mark of who exported it: `OnnxStableDiffusionPipeline`, `ORTStableDiffusionXLPipeline`. */
export function withoutExporter(pipeline: unknown): unknown {
  return typeof pipeline === "string" ? pipeline.replace(/^(Onnx|ORT)(?=[A-Z])/, "") : pipeline;
}

/** A part of a folder that holds exported ONNX graphs, as Optimum lays them out; undefined where it does not. @throws ModelError */
export async function exportedPart(folder: string, name: string): Promise<ModelPart | undefined> {
  const folders = foldersOf[name] ?? { [name]: folderNameOf(name) };
  const found = Object.entries(folders).filter(([, each]) => existsSync(join(folder, each, graphFile)));
  const [first] = found;
  if (first === undefined) return undefined;
  const file = join(folder, first[1], "config.json");
  const graphs = Object.fromEntries(found.map(([network, each]) => [network, join(folder, each, graphFile)]));
  return { weights: { kind: "onnx", path: join(folder, first[1]), graphs }, config: await readJson(file), file };
}

/** Every file of a part's graphs: they, and the weights beside them. */
export async function filesOf({ graphs }: ExportedWeights): Promise<string[]> {
  const folders = [...new Set(Object.values(graphs).map((file) => dirname(file)))];
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder)).filter((name) => !name.endsWith(".json")).map((name) => join(folder, name)),
    ),
  );
  return files.flat().sort();
}

/** What stands for the exported parts in a model's hash, and the files to watch: each file's size and samples of it. */
export async function exportedFiles(
  parts: Readonly<Record<string, ModelPart>>,
): Promise<{ note: string; files: readonly string[] }> {
  const sources = Object.values(parts).flatMap(({ weights }) => (weights.kind === "onnx" ? [weights] : []));
  const files = (await Promise.all(sources.map(filesOf))).flat();
  if (files.length === 0) return { note: "", files };
  const hash = createHash("sha256");
  for (const file of files) hash.update(await sampled(file));
  return { note: hash.digest("hex"), files };
}

const sampleBytes = 65_536;
const samples = 64;

/** A file's size, and stretches of it. */
async function sampled(file: string): Promise<Buffer> {
  const { size } = await stat(file);
  const handle = await open(file, "r");
  try {
    const count = size <= samples * sampleBytes ? Math.ceil(size / sampleBytes) : samples;
    const parts = [Buffer.from(String(size))];
    for (let i = 0; i < count; i++) {
      const buffer = Buffer.alloc(Math.min(sampleBytes, size));
      const at = count === 1 ? 0 : Math.floor((i * (size - buffer.length)) / (count - 1));
      await handle.read(buffer, 0, buffer.length, at);
      parts.push(buffer);
    }
    return Buffer.concat(parts);
  } finally {
    await handle.close();
  }
}
