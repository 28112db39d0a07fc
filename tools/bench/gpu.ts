/**
 * What this machine's GPU does with LatentKit's graphs: a probe of each device; then Stable Diffusion 1.5's and XL's UNets and the VAE's decoder at
 * 512 and 1024, of exact size and random float16 weights: time to load, first run, seconds a run of one sample and of two (guidance), memory, error
 * against the CPU; and torch in float16 on the same card, where there is one with diffusers.
 *
 *     node --conditions=latentkit-source tools/bench/gpu.ts [webgpu|cuda|cpu …] [--small] [--side latent] [--only network] [--budget seconds]
 *
 * Default: webgpu and cuda, 450 seconds. Every figure is of a process of its own, so that one that ends, or runs out of memory, is a line of the table. With
 * --small it runs small networks, with --side latents of this one size: for trying the script on a device that the CPU plays. LATENTKIT_PYTHON is a Python with torch and diffusers (default: python3);
 * LATENTKIT_ONNXRUNTIME another onnxruntime-node. gpu-pack.ts packs it for a machine without Node or a network.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type DeviceName, deviceNames } from "../../packages/backend-local/src/devices/device-name.ts";
import type { ProbeReport } from "../../packages/backend-local/src/devices/probe/probe-report.ts";
import { type GpuFigures, type GpuTask, runTask } from "./gpu-run.ts";
import { type GpuSubject, published, small } from "./gpu-subjects.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

const folder = join(tmpdir(), "latentkit-bench");
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: "boolean", default: false },
    side: { type: "string" },
    only: { type: "string" },
    budget: { type: "string", default: "450" },
    task: { type: "string" },
  },
});
const from = performance.now();
const say = (line: string) => void process.stdout.write(`${line}\n`);
const left = () => Number(flags.budget) - (performance.now() - from) / 1000;

// One task, in the process that was started for it.
if (flags.task !== undefined) {
  const done = await runTask(JSON.parse(flags.task) as GpuTask, [...published, ...small]);
  say(JSON.stringify(done));
  // A driver may not survive an orderly end.
  process.kill(process.pid, "SIGKILL");
}
await main();

async function main(): Promise<void> {
  const all = flags.small ? small : published;
  const subjects = all.filter(({ name }) => flags.only === undefined || name === flags.only);
  if (subjects.length === 0) throw new Error(`${flags.only} is none of ${all.map(({ name }) => name).join(", ")}`);
  const devices = (positionals.length > 0 ? positionals : ["webgpu", "cuda"]).map((name) => {
    const known = deviceNames.find((device) => device === name);
    if (known === undefined) throw new Error(`${name} is no device: ${deviceNames.join(", ")}`);
    return known;
  });
  const [processor] = cpus();
  say(`# ${new Date().toISOString()}, node ${process.version}, ${cpus().length} × ${processor?.model}, ${card()}`);
  mkdirSync(folder, { recursive: true });
  const probes = new Map<DeviceName, ProbeReport>();
  for (const device of devices) {
    const report = await child<ProbeReport>({ kind: "probe", device });
    if (typeof report === "string") say(`${device}: ${report}`);
    else {
      say(probeLine(report));
      if (report.usable) probes.set(device, report);
    }
  }
  if (probes.size === 0) return say("no device can be used: latentkit doctor says what is missing");
  for (const subject of subjects) await compare(subject, probes);
  say(`\n${left().toFixed(0)} s of the budget left`);
}

/** One network at each size: the CPU for reference, each device, and torch. */
async function compare(subject: GpuSubject, probes: ReadonlyMap<DeviceName, ProbeReport>): Promise<void> {
  const { name, build } = subject;
  const sides = flags.side === undefined ? subject.sides : [Number(flags.side)];
  const weights = join(folder, `${name}-F16.safetensors`);
  if (!existsSync(weights)) await writeRandomWeights(weights, wantedTensors(build), "F16");
  for (const side of sides) {
    say(`\n## ${name}, latent ${side}×${side}`);
    const reference = join(folder, `${name}-${side}-${process.pid}.reference`);
    const run = async (
      task: Omit<Extract<GpuTask, { kind: "network" }>, "kind" | "subject" | "side" | "weights" | "reference">,
    ) => {
      const label = `${task.report.device} ${task.precision}${task.report.device === "cpu" ? " (reference)" : ""}`;
      if (left() < 20) return say(`${label.padEnd(24)} left out: ${left().toFixed(0)} s left`);
      const figures = await child<GpuFigures>({ kind: "network", subject: name, side, weights, reference, ...task });
      say(typeof figures === "string" ? `${label.padEnd(24)} ${figures}` : figuresLine(label, figures, subject, side));
    };
    await run({ report: { device: "cpu", usable: true, float16: false, errors: {}, ms: 0 }, precision: "float32" });
    for (const report of probes.values()) {
      if (report.device === "cpu") continue;
      await run({ report, precision: "float32" });
      if (report.float16 && subject.output === "out_sample") await run({ report, precision: "float16" });
    }
    if (subject.output === "out_sample") say(`${"torch float16".padEnd(24)} ${torch(subject, side, weights)}`);
  }
}

/** A task in a process of its own: what it found, or how it ended. */
async function child<T>(task: GpuTask): Promise<T | string> {
  // A device that the CPU plays takes its time.
  const seconds = Math.max(10, flags.side === undefined ? Math.min(150, left()) : left());
  const { promise, resolve } = Promise.withResolvers<T | string>();
  const args = [...process.execArgv, fileURLToPath(import.meta.url), "--task", JSON.stringify(task)];
  const started = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  started.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  started.stderr.setEncoding("utf8").on("data", (text: string) => (err = (err + text).slice(-2000)));
  const timer = setTimeout(() => started.kill("SIGKILL"), 1000 * seconds);
  started.once("close", (code, signal) => {
    clearTimeout(timer);
    const line = out.split("\n").findLast((text) => text.startsWith("{"));
    const said = err.split("\n").filter((text) => /Error|error|memory|lost/.test(text));
    resolve(
      line === undefined
        ? `failed (${signal ?? code}, of ${seconds.toFixed(0)} s): ${said.at(-1) ?? err.slice(-300)}`
        : JSON.parse(line),
    );
  });
  return promise;
}

function probeLine({ device, usable, why, float16, errors, gflops, cpuGflops, ms, version }: ProbeReport): string {
  if (!usable) return `${device}: cannot be used: ${why}`;
  const each = Object.entries(errors).map(([family, error]) => `${family} ${error?.toExponential(0) ?? "none"}`);
  return `${device}: onnxruntime-node ${version}, float16 ${float16}, ${gflops} GFLOP/s (CPU ${cpuGflops}), ${ms} ms; errors: ${each.join(", ")}`;
}

function figuresLine(label: string, figures: GpuFigures, { flops, sides }: GpuSubject, side: number): string {
  const { load, first, one, two, error, rss, gpu } = figures;
  const rate = flops === undefined || side !== sides[0] ? "" : ` (${(flops / one / 1e12).toFixed(2)} TFLOP/s)`;
  const parts = [
    `load ${load.toFixed(2)} s`,
    `first ${first.toFixed(2)} s`,
    `one ${one.toFixed(4)} s${rate}`,
    two === undefined ? "" : `two ${two.toFixed(4)} s`,
    error === undefined ? "" : `error ${error.toExponential(1)}`,
    `RSS ${rss} MB`,
    gpu === undefined ? "" : `card ${gpu} MiB`,
  ];
  return `${label.padEnd(24)} ${parts.filter((part) => part !== "").join(", ")}`;
}

function torch({ config, inputs }: GpuSubject, side: number, weights: string): string {
  if (left() < 20) return "left out";
  const script = join(dirname(fileURLToPath(import.meta.url)), "gpu_torch.py");
  const what = JSON.stringify({ config, side, inputs });
  try {
    const python = process.env.LATENTKIT_PYTHON ?? "python3";
    const timeout = Math.round(1000 * Math.min(90, left()));
    return execFileSync(python, [script, weights, what], { encoding: "utf8", timeout, stdio: "pipe" }).trim();
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    return `not run: ${stderr.trim().split("\n").at(-1) || message}`;
  }
}

function card(): string {
  try {
    const query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
    return execFileSync("nvidia-smi", query, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "no nvidia-smi";
  }
}
