/**
 * The local backend as a user's script meets it, from the built packages: time from process start to a PNG on disk, the
 * share of the time that is not onnxruntime's own, and the longest stall of the caller's event loop.
 *
 *     pnpm build && node --conditions=latentkit-source tools/bench/local.ts [model folder] [steps]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

interface Run {
  timings: Record<string, number> & { totalMs: number; engineRunMs: number };
  width: number;
  height: number;
  guidanceScale: number;
  /** Longest delay of the caller's event loop, and the most CPU time that it took between two ticks. */
  stallMs: number;
  busyMs: number;
}

const [model = "", steps = "20"] = process.argv.slice(2);
const program = fileURLToPath(new URL("./local-run.mjs", import.meta.url));
if (!existsSync(new URL("../../packages/backend-local/dist/index.js", import.meta.url))) {
  throw new Error("build the packages first: pnpm build");
}

const folder = await mkdtemp(join(tmpdir(), "latentkit-bench-"));
const starts = [];
try {
  for (let i = 0; i < 5; i++) starts.push(await start(join(folder, `${i}.png`)));
} finally {
  await rm(folder, { recursive: true });
}

const { cold, warm, idleStallMs } = starts.at(-1)!;
const { width, height, guidanceScale } = cold;
const all = starts.flatMap((run) => run.warm);
const engine = ({ timings }: Run) => timings.engineRunMs;
const inside = ({ timings: t }: Run) => (t.encodeMs ?? 0) + (t.sampleMs ?? 0) + (t.decodeMs ?? 0);
const whole = ({ timings }: Run) => timings.totalMs;
const share = (time: (run: Run) => number) => percent(median(all.map((run) => time(run) / engine(run) - 1)));

console.log(
  `local backend, ${model || "the embedded model"}: ${width}×${height}, ${steps} steps, guidance ${guidanceScale}`,
);
console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
const pngs = starts.map(({ pngMs }) => pngMs);
line("process start to PNG on disk", `${ms(median(pngs))} median of ${pngs.length}, ${ms(Math.min(...pngs))} best`);
line("  of which onnxruntime's runs", ms(median(starts.map((run) => engine(run.cold)))));
line("  of which loading the networks", ms(median(starts.map((run) => run.cold.timings.loadMs ?? 0))));
line(
  "warm: request to result",
  `${ms(median(all.map(whole)))}, of which onnxruntime's runs ${ms(median(all.map(engine)))}`,
);
line("SDK overhead inside the engine", `${share(inside)} of onnxruntime's runs`);
line("SDK overhead, request to result", `${share(whole)} of onnxruntime's runs`);
const worst = (runs: Run[], figure: "stallMs" | "busyMs") => ms(Math.max(...runs.map((run) => run[figure])));
line(
  "longest stall of the caller",
  `${worst(warm, "stallMs")} warm, ${worst([cold], "stallMs")} cold, ${ms(idleStallMs)} with nothing to do`,
);
line("  of which its own CPU time", `${worst(warm, "busyMs")} warm, ${worst([cold], "busyMs")} cold`);

async function start(path: string): Promise<{ pngMs: number; cold: Run; warm: Run[]; idleStallMs: number }> {
  const from = performance.now();
  const child = spawn(process.execPath, [program, model, steps, path], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  let pngMs = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    if (lines.length === 0) pngMs = performance.now() - from;
    lines.push(text);
  }
  if (child.exitCode === null) await once(child, "exit");
  if (child.exitCode !== 0 || lines.length !== 2) throw new Error(`the timed program ended with ${child.exitCode}`);
  return { pngMs, cold: JSON.parse(lines[0]!), ...JSON.parse(lines[1]!) };
}

function line(name: string, value: string): void {
  console.log(`  ${name.padEnd(34)}${value}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}
