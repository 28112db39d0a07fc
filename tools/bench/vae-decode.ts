/**
 * Decodes latents with a VAE of Stable Diffusion's exact size and random weights: seconds and peak memory, each size in a process of its
 * own, as the engine's is.
 *
 *     node --conditions=latentkit-source tools/bench/vae-decode.ts [side …]        default: 1024 2048
 *
 * With LATENTKIT_PYTHON (a Python with diffusers) its VAE stands beside it, with tiling on and off (off where the machine has the memory).
 * `difference` is between the whole picture and the one in stripes, in 255ths, where both are made.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, freemem, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withHugePages } from "../../packages/backend-local/src/engine/huge-pages.ts";
import { LoadedModel } from "../../packages/backend-local/src/engine/loaded-model.ts";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import { decodeStriped } from "../../packages/backend-local/src/families/shared/striped-kl.ts";
import { vaeBudget } from "../../packages/backend-local/src/families/shared/vae-memory.ts";
import type { Weights } from "../../packages/backend-local/src/files/weights.ts";
import type { Model } from "../../packages/backend-local/src/models/model.ts";
import { buildVaeDecoder } from "../../packages/backend-local/src/networks/autoencoder-kl/autoencoder-kl.ts";
import { autoencoderKLConfig } from "../../packages/backend-local/src/networks/autoencoder-kl/autoencoder-kl-config.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

const config = {
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  layers_per_block: 2,
};
const folder = join(tmpdir(), "latentkit-bench", "sd-vae");
const weights = join(folder, "diffusion_pytorch_model.safetensors");

if (process.argv[2] === "one") await one(Number(process.argv[3]), process.argv[4] as Way);
else await all(process.argv.slice(2).map(Number));

type Way = "whole" | "stripes" | "as chosen";

/** Each way of decoding, one after the other. */
async function all(sides: number[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (!existsSync(weights))
    await writeRandomWeights(
      weights,
      wantedTensors((found: Weights) => buildVaeDecoder(config, found)),
      "F32",
    );
  for (const side of sides.length > 0 ? sides : [1024, 2048]) {
    const ours = run(process.execPath, [
      "--conditions=latentkit-source",
      fileURLToPath(import.meta.url),
      "one",
      String(side),
      "as chosen",
    ]);
    // What the other way takes, where it can be had.
    const other = ours.way === "whole" ? "stripes" : "whole";
    const has = other === "stripes" || freemem() > 4e3 * side * side;
    const beside = has
      ? run(process.execPath, [
          "--conditions=latentkit-source",
          fileURLToPath(import.meta.url),
          "one",
          String(side),
          other,
        ])
      : undefined;
    const python = process.env.LATENTKIT_PYTHON;
    const script = fileURLToPath(new URL("vae_decode.py", import.meta.url));
    const torch =
      python === undefined ? "not run: LATENTKIT_PYTHON is not set" : run(python, [script, weights, String(side)]);
    const figures = {
      date: new Date().toISOString(),
      machine: `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`,
      side,
      latentkit: ours,
      ...(beside ? { beside, difference: await difference(side) } : {}),
      torch,
    };
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  }
}

async function one(side: number, way: Way): Promise<void> {
  const runtime = await loadRuntime({ device: "cpu" });
  const part = { weights: { kind: "folder", path: folder }, config, file: weights };
  const model = new LoadedModel({ path: folder, parts: { vae: part }, tokenizers: {} } as unknown as Model, runtime);
  const latents = side / 8;
  const latent = Float32Array.from({ length: 4 * latents * latents }, random());
  const { signal } = new AbortController();
  const chosen = await vaeBudget(model, autoencoderKLConfig(config), {
    half: "decoder",
    height: latents,
    width: latents,
  });
  const budget = way === "whole" ? "whole" : way === "stripes" && chosen === "whole" ? 2.6e9 : chosen;
  const from = performance.now();
  const picture =
    budget === "whole" ? await whole() : await decodeStriped(model, latent, [4, latents, latents], { budget, signal });
  const seconds = (performance.now() - from) / 1000;
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1e6;
  await writeFile(join(folder, `${side}-${budget === "whole" ? "whole" : "stripes"}.f32`), picture);
  const figures = { way: budget === "whole" ? "whole" : "stripes", seconds: round(seconds), peakGB: round(peak) };
  process.stdout.write(JSON.stringify(figures));

  async function whole(): Promise<Float32Array> {
    const decoder = await model.assemble("whole", "vae", buildVaeDecoder);
    const input = new runtime.Tensor("float32", latent, [1, 4, latents, latents]);
    return (await decoder.run({ latent_sample: input }, "sample", signal)).data as Float32Array;
  }
}

/** Between the two pictures that were made of one latent. */
async function difference(side: number): Promise<{ max: number; mean: number }> {
  const read = async (way: string) => new Float32Array((await readFile(join(folder, `${side}-${way}.f32`))).buffer);
  const [a, b] = [await read("whole"), await read("stripes")];
  let [max, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i]! - b[i]!) * 127.5;
    max = Math.max(max, apart);
    sum += apart;
  }
  return { max: round(max), mean: round(sum / a.length) };
}

// biome-ignore lint/suspicious/noExplicitAny: figures as a program prints them
function run(program: string, args: string[]): any {
  // As the engine's process is started.
  const env = program === process.execPath ? withHugePages(process.env) : process.env;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", env });
  return status === 0 ? JSON.parse(stdout) : `failed: ${stderr.slice(-500)}`;
}

/** Numbers of variance 1, the same each time. */
function random(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.sqrt(3) * (state / 2 ** 31 - 1);
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
