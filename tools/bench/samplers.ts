/**
 * A sampler step on a latent of 4×128×128 (SDXL's at 1024×1024) and torch-exact noise, beside diffusers' and torch's own where there is a
 * Python with them.
 *
 *     LATENTKIT_PYTHON=/path/to/python node tools/bench/samplers.ts
 *
 * What is timed (in CPU time) is everything but the network: scaling its input, its output to x0, and the step.
 */
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";

/** Counts the latents that the library makes: each of its typed arrays is one of these. */
let made = 0;
class CountedArray extends Float32Array {
  // biome-ignore lint/suspicious/noExplicitAny: a typed array's constructor takes many things.
  constructor(...args: any[]) {
    super(...(args as [number]));
    if (this.length === LENGTH) made++;
  }
}

const SHAPE = [1, 4, 128, 128] as const;
const LENGTH = SHAPE[1] * SHAPE[2] * SHAPE[3];
const STEPS = 20;
const REPEATS = 15;
const sd = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear" };
const cases: Record<string, Record<string, unknown>> = {
  euler: { _class_name: "EulerDiscreteScheduler", ...sd },
  ddim: { _class_name: "DDIMScheduler", ...sd, clip_sample: false },
  dpmpp_2m: { _class_name: "DPMSolverMultistepScheduler", ...sd },
  heun: { _class_name: "HeunDiscreteScheduler", ...sd },
  lms: { _class_name: "LMSDiscreteScheduler", ...sd },
  pndm: { _class_name: "PNDMScheduler", ...sd, skip_prk_steps: true },
  deis: { _class_name: "DEISMultistepScheduler", ...sd },
  uni_pc_bh2: { _class_name: "UniPCMultistepScheduler", ...sd },
};

const { fromDiffusers, runPlan, startFromNoise, torchRandn, TorchGenerator } = await import(
  "../../packages/core/src/diffusion/index.ts"
);

const ours = new Map<string, { us: number; latents: number }>();
for (const [name, config] of Object.entries(cases)) {
  const us = median(await repeat(REPEATS, () => timeSteps(config)));
  ours.set(name, { us, latents: await countLatents(config) });
}
const normals = (1 << 20) / median(await repeat(REPEATS, async (i) => timeIt(() => torchRandn(i, 1 << 20)))) / 1000;

const theirs = reference();
console.log(
  `sampler steps on ${SHAPE.join("×")}, ${STEPS} steps, median of ${REPEATS} runs, CPU time, network not counted`,
);
console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
console.log(
  theirs
    ? `  beside diffusers ${theirs.diffusers} on torch ${theirs.torch}, ${theirs.threads} threads`
    : "  no LATENTKIT_PYTHON, so nothing to compare with",
);
for (const [name, { us, latents }] of ours) {
  const other = theirs?.steps[name];
  const beside = other ? `${other.toFixed(0).padStart(6)} µs, ratio ${(other / us).toFixed(1)}` : "";
  console.log(
    `  ${name.padEnd(16)} ${us.toFixed(0).padStart(6)} µs a step, ${latents.toFixed(1)} latents made  ${beside}`,
  );
}
const beside = theirs ? `, torch ${theirs.normals.toFixed(1)}, ratio ${(normals / theirs.normals).toFixed(2)}` : "";
console.log(`noise: ${normals.toFixed(1)} million normals a second${beside}`);

/** Microseconds a step. */
async function timeSteps(config: Record<string, unknown>): Promise<number> {
  const plan = fromDiffusers(config);
  const grid = plan.grid({ steps: STEPS });
  const generator = new TorchGenerator(1);
  const x = startFromNoise(grid, generator.randn(LENGTH));
  const output = generator.randn(LENGTH);
  let elsewhere = 0;
  const apart = <T>(work: () => T): T => {
    const from = cpuMs();
    const result = work();
    elsewhere += cpuMs() - from;
    return result;
  };
  // A network hands over an array of its own; making it is not the step's work.
  const network = async () => apart(() => output.slice());
  const from = cpuMs();
  for await (const _ of runPlan(plan, { grid, network, x }));
  return ((cpuMs() - from - elsewhere) / STEPS) * 1000;
}

/** Latents made a step, the network's output not counted. */
async function countLatents(config: Record<string, unknown>): Promise<number> {
  const plan = fromDiffusers(config);
  const x = new CountedArray(LENGTH).fill(0.5);
  const original = globalThis.Float32Array;
  globalThis.Float32Array = CountedArray as unknown as Float32ArrayConstructor;
  const count = async (steps: number) => {
    const grid = plan.grid({ steps });
    let outputs = 0;
    const network = async () => {
      outputs++;
      return new CountedArray(LENGTH);
    };
    made = 0;
    for await (const _ of runPlan(plan, { grid, network, x }));
    return made - outputs;
  };
  try {
    // The difference leaves out what is made once a run.
    return ((await count(2 * STEPS)) - (await count(STEPS))) / STEPS;
  } finally {
    globalThis.Float32Array = original;
  }
}

interface Reference {
  diffusers: string;
  torch: string;
  threads: number;
  steps: Record<string, number>;
  normals: number;
}

function reference(): Reference | undefined {
  const python = process.env.LATENTKIT_PYTHON;
  if (!python) return undefined;
  const script = fileURLToPath(new URL("./samplers.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [script, JSON.stringify([cases, STEPS, REPEATS, SHAPE])], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${python} failed: ${stderr.slice(-500)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Reference;
}

async function repeat(times: number, work: (i: number) => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let i = 0; i < times; i++) results.push(await work(i));
  return results;
}

function timeIt(work: () => unknown): number {
  const from = cpuMs();
  work();
  return cpuMs() - from;
}

/** CPU time of this process: what the clock on the wall says depends on what else the machine is doing. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
