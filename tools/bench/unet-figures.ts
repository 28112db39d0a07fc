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
import { isAsEngine, peersEnvironment } from "./as-engine.ts";
import type { PublishedUnet } from "./published-unets.ts";
import { elements, type WeightType, wantedTensors, writeRandomWeights } from "./random-weights.ts";

/** A published UNet, and how it is to be run. */
export interface UnetSubject extends PublishedUnet {
  weights: WeightType;
  steps: number;
}

/** Loads a UNet of that size with random weights, runs it, and prints what {@link sd15-unet.ts} says. */
export async function printUnetFigures(subject: UnetSubject): Promise<void> {
  if (!isAsEngine()) return;
  const { name, config, flops, side, weights: type } = subject;
  const path = join(tmpdir(), "latentkit-bench", `${name}-${type}.safetensors`);
  const tensors = wantedTensors((weights: Weights) => buildUNet(config, weights));
  const total = [...tensors.values()].reduce((sum, shape) => sum + elements(shape), 0);
  if (total !== subject.parameters) throw new Error(`the network has ${total} parameters, not ${subject.parameters}`);
  if (!existsSync(path)) await writeRandomWeights(path, tensors, type);

  const { InferenceSession: Session, Tensor, sessionOptions } = await loadRuntime({ device: "cpu" });
  const normal = (length: number) => Float32Array.from({ length }, () => Math.sqrt(12) * (Math.random() - 0.5));

  const before = await memory();
  const started = performance.now();
  const network = buildUNet(config, await fileWeights(path));
  const built = performance.now();
  const session = await Session.create(network.model, { ...sessionOptions, ...network.sessionOptions });
  const loaded = performance.now();
  const after = await memory();

  const feeds = {
    sample: new Tensor("float32", normal(4 * side * side), [1, 4, side, side]),
    timestep: new Tensor("float32", [500], [1]),
    ...Object.fromEntries(
      Object.entries(subject.inputs).map(([input, dims]) => [
        input,
        new Tensor("float32", normal(elements(dims)), dims),
      ]),
    ),
  };
  await session.run(feeds); // reads the file's pages for the first time
  const runs: { seconds: number; rate: number }[] = [];
  // Other work comes and goes, so each step is compared with products made right before and after it.
  for (let i = 0, rate = await matmulRate(); i < subject.steps; i++) {
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
    peakMB: Math.round(end.peak / 2 ** 20),
    secondsPerStep: round(seconds),
    gflops: Math.round(flops / seconds / 1e9),
    matmulGflops: runs.map(({ rate }) => Math.round(rate / 1e9)),
    shareOfMatmul: round(median(runs.map((run) => flops / run.seconds / run.rate))),
    torch: torchFigures(path),
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

  function torchFigures(weights: string): unknown {
    const python = process.env.LATENTKIT_PYTHON;
    if (python === undefined) return "not run: LATENTKIT_PYTHON is not set";
    const script = fileURLToPath(new URL("unet_figures.py", import.meta.url));
    const what = JSON.stringify({ config, side, inputs: subject.inputs });
    const args = [script, weights, String(subject.steps), what];
    const { status, stdout, stderr } = spawnSync(python, args, { encoding: "utf8", env: peersEnvironment() });
    return status === 0 ? JSON.parse(stdout) : `failed: ${stderr.slice(-500)}`;
  }
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** This process's memory without the mapped files, where the system tells (Linux), else with them; and the most with them. */
async function memory(): Promise<{ own: number; peak: number }> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kilobytes = (name: string) => new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1];
  const bytes = (name: string, otherwise: number) => (Number(kilobytes(name)) || otherwise / 1024) * 1024;
  return {
    own: bytes("RssAnon", process.memoryUsage.rss()),
    peak: bytes("VmHWM", process.resourceUsage().maxRSS * 1024),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
