import { existsSync } from "node:fs";
import { cp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildClipText } from "../../packages/backend-local/src/networks/clip-text/clip-text.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

/** Stable Diffusion 1.5's UNet: the rest of its configuration is diffusers' defaults. */
export const sd15 = { cross_attention_dim: 768 };

/** Where benchmarks keep what they write. */
export const benchFolder = join(tmpdir(), "latentkit-bench");

const fixture = fileURLToPath(new URL("../../packages/backend-local/fixtures/pipelines/sd1", import.meta.url));

/** A model folder whose UNet is of Stable Diffusion 1.5's size, with random weights; its other parts are small. */
export async function sd15Folder(): Promise<string> {
  const folder = join(benchFolder, "sd15");
  const unet = join(benchFolder, "sd15-unet-F16.safetensors");
  const tensors = wantedTensors((weights) => buildUNet(sd15, weights));
  if (!existsSync(unet)) await writeRandomWeights(unet, tensors, "F16");
  if (existsSync(join(folder, "unet", "config.json"))) return folder;
  await cp(fixture, folder, { recursive: true });
  const read = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
  const { _class_name, sample_size } = await read("unet/config.json");
  await writeFile(join(folder, "unet", "config.json"), JSON.stringify({ _class_name, sample_size, ...sd15 }));
  await symlinkOver(unet, join(folder, "unet", "diffusion_pytorch_model.safetensors"));
  const text = {
    ...(await read("text_encoder/config.json")),
    hidden_size: 768,
    intermediate_size: 768,
    num_attention_heads: 12,
  };
  await writeFile(join(folder, "text_encoder", "config.json"), JSON.stringify(text));
  const texts = wantedTensors((weights) => buildClipText(text, weights));
  await writeRandomWeights(join(folder, "text_encoder", "model.safetensors"), texts, "F16");
  return folder;
}

async function symlinkOver(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}

/** When and where, for the head of a benchmark's figures. */
export function circumstances(): { date: string; machine: string } {
  const load = loadavg()[0]!.toFixed(1);
  return { date: new Date().toISOString(), machine: `${cpus().length} × ${cpus()[0]?.model}, load ${load}` };
}

/** The middle of several. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Three digits. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}
