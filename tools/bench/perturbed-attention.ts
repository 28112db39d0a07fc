/**
 * What a guided step with perturbed attention costs on a UNet of Stable Diffusion 1.5's size with random weights (the file
 * that sd15-unet.ts writes), at a 64×64 latent: two passes without it; three in the graph whose batch grows at the first
 * perturbed layer; three as a plain batch of three, which is what choosing by a mask would cost at least. Then the memory of
 * having both graphs loaded.
 *
 *     node --conditions=latentkit-source tools/bench/perturbed-attention.ts [F32|F16] [steps] [layer ...]
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import { fileWeights, type Weights } from "../../packages/backend-local/src/files/weights.ts";
import { selfAttentions } from "../../packages/backend-local/src/networks/unet-2d-condition/self-attentions.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { unetConfig } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition-config.ts";
import { type WeightType, wantedTensors, writeRandomWeights } from "./random-weights.ts";

const config = { cross_attention_dim: 768 }; // the rest of SD 1.5's configuration is the defaults
const type = (process.argv[2] ?? "F32") as WeightType;
const steps = Number(process.argv[3] ?? 3);
const chosen = process.argv.slice(4);
const path = join(tmpdir(), "latentkit-bench", `sd15-unet-${type}.safetensors`);
if (!existsSync(path)) {
  const tensors = wantedTensors((weights: Weights) => buildUNet(config, weights));
  await writeRandomWeights(path, tensors, type);
}

const { InferenceSession: Session, Tensor, sessionOptions } = await loadRuntime({ device: "cpu" });
const perturbedLayers = selfAttentions(unetConfig(config)).filter((layer) =>
  (chosen.length > 0 ? chosen : ["mid"]).some((part) => layer.includes(part)),
);
const weights = await fileWeights(path);
const own: number[] = [await ownMemory()];
const load = async (layers?: readonly string[]) => {
  const { model, sessionOptions: options } = buildUNet(config, weights, layers ? { perturbedLayers: layers } : {});
  return Session.create(model, { ...sessionOptions, ...options });
};
const feeds = (batch: number) => ({
  sample: new Tensor("float32", values(batch * 4 * 64 * 64), [batch, 4, 64, 64]),
  timestep: new Tensor("float32", [500], [1]),
  encoder_hidden_states: new Tensor("float32", values(batch * 77 * 768), [batch, 77, 768]),
});
const [two, three] = [feeds(2), feeds(3)];

const plain = await load();
await plain.run(two); // reads the file's pages for the first time
own.push(await ownMemory());
const started = performance.now();
const perturbed = await load(perturbedLayers);
const loadSeconds = (performance.now() - started) / 1000;
own.push(await ownMemory());
const passes = (count: bigint) => ({ ...two, perturbed: new Tensor("int64", BigInt64Array.of(count), [1]) });
await perturbed.run(passes(1n));
own.push(await ownMemory());

const runs: Record<string, () => Promise<unknown>> = {
  withoutIt: () => plain.run(two),
  withoutItInItsGraph: () => perturbed.run(passes(0n)),
  growing: () => perturbed.run(passes(1n)),
  batchOfThree: () => plain.run(three),
};
// Other work comes and goes, so the ways take turns.
const times: Record<string, { wall: number; cpu: number }[]> = Object.fromEntries(
  Object.keys(runs).map((name) => [name, []]),
);
for (let i = 0; i < steps; i++) {
  for (const [name, run] of Object.entries(runs)) {
    const [from, before] = [performance.now(), process.cpuUsage()];
    await run();
    const { user, system } = process.cpuUsage(before);
    times[name]!.push({ wall: (performance.now() - from) / 1000, cpu: (user + system) / 1e6 });
  }
}
const medians = (kind: "wall" | "cpu") =>
  Object.fromEntries(Object.entries(times).map(([name, list]) => [name, round(median(list.map((t) => t[kind])))]));
const megabytes = own.map((bytes) => Math.round((bytes - own[0]!) / 2 ** 20));
const figures = {
  date: new Date().toISOString(),
  machine: `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`,
  weights: type,
  perturbedLayers,
  secondsPerStep: medians("wall"),
  cpuSecondsPerStep: medians("cpu"),
  loadSeconds: round(loadSeconds),
  ownMemoryMB: { plainAfterARun: megabytes[1], perturbedLoaded: megabytes[2], perturbedAfterARun: megabytes[3] },
};
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

function values(length: number): Float32Array {
  return Float32Array.from({ length }, () => Math.sqrt(12) * (Math.random() - 0.5));
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1]!;
}

/** This process's memory without the mapped files, where the system tells (Linux), else with them. */
async function ownMemory(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kilobytes = /RssAnon:\s+(\d+)/.exec(status)?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
