/**
 * Loads a UNet of Stable Diffusion 1.5's exact size with random weights, and runs it: time to load, memory after it,
 * seconds a step at a 64×64 latent, and the share of the rate at which this machine multiplies large matrices.
 *
 *     node --conditions=latentkit-source tools/bench/sd15-unet.ts [F32|F16] [steps]
 *
 * With LATENTKIT_PYTHON (a Python with diffusers) torch's figure for the same file stands beside it. The file, 3.4 or
 * 1.7 GB, stays in the system's temporary folder.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import { fileWeights, type Weights } from "../../packages/backend-local/src/files/weights.ts";
import { GraphBuilder } from "../../packages/backend-local/src/graph/graph-builder.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { elements, type WeightType, wantedTensors, writeRandomWeights } from "./random-weights.ts";

const config = { cross_attention_dim: 768 }; // the rest of SD 1.5's configuration is the defaults
const flops = 803_273_441_280; // torch.utils.flop_counter on diffusers' model, batch 1, 64×64, 77 tokens
const parameters = 859_520_964;

const type = (process.argv[2] ?? "F32") as WeightType;
const steps = Number(process.argv[3] ?? 3);
const path = join(tmpdir(), "latentkit-bench", `sd15-unet-${type}.safetensors`);

const tensors = wantedTensors((weights: Weights) => buildUNet(config, weights));
const total = [...tensors.values()].reduce((sum, shape) => sum + elements(shape), 0);
if (total !== parameters) throw new Error(`the network has ${total} parameters, not ${parameters}`);
if (!existsSync(path)) await writeRandomWeights(path, tensors, type);

const { InferenceSession: Session, Tensor, sessionOptions } = await loadRuntime({ executionProvider: "cpu" });
const normal = (length: number) => Float32Array.from({ length }, () => Math.sqrt(12) * (Math.random() - 0.5));

const before = await memory();
const started = performance.now();
const network = buildUNet(config, await fileWeights(path));
const built = performance.now();
const session = await Session.create(network.model, { ...sessionOptions, ...network.sessionOptions });
const loaded = performance.now();
const after = await memory();

const feeds = {
  sample: new Tensor("float32", normal(4 * 64 * 64), [1, 4, 64, 64]),
  timestep: new Tensor("float32", [500], [1]),
  encoder_hidden_states: new Tensor("float32", normal(77 * 768), [1, 77, 768]),
};
await session.run(feeds); // reads the file's pages for the first time
const runs: { seconds: number; rate: number }[] = [];
// Other work comes and goes, so each step is compared with products made right before and after it.
for (let i = 0, rate = await matmulRate(); i < steps; i++) {
  const seconds = await time(() => session.run(feeds));
  const next = await matmulRate();
  runs.push({ seconds, rate: (rate + next) / 2 });
  rate = next;
}
const seconds = median(runs.map((run) => run.seconds));
const end = await memory();

const figures = {
  date: new Date().toISOString(),
  machine: `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`,
  weights: type,
  loadSeconds: round((loaded - started) / 1000),
  graphSeconds: round((built - started) / 1000),
  modelKilobytes: Math.round(network.model.length / 1024),
  memoryAfterLoadMB: Math.round((after.own - before.own) / 2 ** 20),
  memoryWhileRunningMB: Math.round((end.own - before.own) / 2 ** 20),
  secondsPerStep: round(seconds),
  gflops: Math.round(flops / seconds / 1e9),
  matmulGflops: runs.map(({ rate }) => Math.round(rate / 1e9)),
  shareOfMatmul: round(median(runs.map((run) => flops / run.seconds / run.rate))),
  torch: torchFigures(),
};
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

/** Floating-point operations a second in one large float32 product. */
async function matmulRate(): Promise<number> {
  const size = 2048;
  const graph = new GraphBuilder("matmul");
  const [a, b] = [graph.input("a", "float32", [size, size]), graph.input("b", "float32", [size, size])];
  graph.output(graph.node("MatMul", [a, b]), "c", "float32", [size, size]);
  const product = await Session.create(graph.finish(), sessionOptions);
  const matrix = new Tensor("float32", normal(size * size), [size, size]);
  const times: number[] = [];
  for (let i = 0; i < 8; i++) times.push(await time(() => product.run({ a: matrix, b: matrix })));
  await product.release();
  return (2 * size ** 3) / median(times);
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** This process's memory without the mapped files, where the system tells (Linux), else with them. */
async function memory(): Promise<{ own: number }> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kilobytes = /RssAnon:\s+(\d+)/.exec(status)?.[1];
  return { own: kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024 };
}

function torchFigures(): unknown {
  const python = process.env.LATENTKIT_PYTHON;
  if (python === undefined) return "not run: LATENTKIT_PYTHON is not set";
  const script = fileURLToPath(new URL("sd15_unet.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [script, path, String(steps)], { encoding: "utf8" });
  return status === 0 ? JSON.parse(stdout) : `failed: ${stderr.slice(-500)}`;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
