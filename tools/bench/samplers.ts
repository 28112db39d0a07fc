/**
 * A sampler step on a latent of 4×128×128 (SDXL's at 1024×1024) and torch-exact noise, beside diffusers' and torch's own where there is a
 * Python with them.
 *
 *     LATENTKIT_PYTHON=/path/to/python node --conditions=latentkit-source tools/bench/samplers.ts
 *
 * What is timed is a whole run but for the network, divided by its steps: scaling the network's input, its output to x0, the step, and
 * here the run's own set-up and its result. Of many short runs the fastest counts, on both sides, since others only ever add to it.
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
const REPEATS = 60;
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

const { fromDiffusers, PhiloxGenerator, runPlan, startFromNoise, torchRandn, TorchGenerator } = await import(
  "../../packages/core/src/diffusion/index.ts"
);

const ours = new Map<string, { us: number; lookedAt: number; latents: number }>();
for (const [name, config] of Object.entries(cases)) {
  const us = await fastest(() => timeSteps(config, false));
  const lookedAt = await fastest(() => timeSteps(config, true));
  ours.set(name, { us, lookedAt, latents: 0 });
}
// Apart from the timing, since the counted arrays make the loops that see them slower.
for (const [name, figures] of ours) figures.latents = await countLatents(cases[name]!);
const million = 1 << 20;
const perSecond = async (draw: (seed: number) => unknown) =>
  million / (await fastest(async (i) => timeIt(() => draw(i)))) / 1000;
const normals = await perSecond((seed) => torchRandn(seed, million));
const philox = await perSecond((seed) => new PhiloxGenerator(seed).randn(million));

const theirs = reference();
console.log(`sampler steps on ${SHAPE.join("×")}, ${STEPS} steps, fastest of ${REPEATS} runs, network not counted`);
console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
console.log(
  theirs
    ? `  beside diffusers ${theirs.diffusers} on torch ${theirs.torch}, with its ${theirs.threads} threads and with 1`
    : "  no LATENTKIT_PYTHON, so nothing to compare with",
);
console.log("  in brackets: with x looked at after each step");
for (const [name, { us, lookedAt, latents }] of ours) {
  const beside = [theirs?.steps[name], theirs?.oneThread[name]].map((other) =>
    other
      ? `${other.toFixed(0).padStart(6)} µs, ratio ${(other / us).toFixed(1)} (${(other / lookedAt).toFixed(1)})`
      : "",
  );
  console.log(
    `  ${name.padEnd(12)} ${us.toFixed(0).padStart(4)} (${lookedAt.toFixed(0)}) µs a step, ${latents.toFixed(1)} latents made ${beside.join(" ")}`,
  );
}
const beside = theirs ? `, torch ${theirs.normals.toFixed(0)}, ratio ${(normals / theirs.normals).toFixed(2)}` : "";
console.log(`noise: ${normals.toFixed(0)} million normals a second${beside}; Philox ${philox.toFixed(0)}`);

/** Microseconds a step. */
async function timeSteps(config: Record<string, unknown>, look: boolean): Promise<number> {
  const plan = fromDiffusers(config);
  const grid = plan.grid({ steps: STEPS });
  const generator = new TorchGenerator(1);
  const x = startFromNoise(grid, generator.randn(LENGTH));
  const output = generator.randn(LENGTH);
  // A network hands over an array of its own; making it is not the step's work. None is held on to in these.
  const handed = [new Float32Array(LENGTH), new Float32Array(LENGTH)];
  let [calls, elsewhere] = [0, 0];
  const network = async () => {
    const from = performance.now();
    const array = handed[calls++ % handed.length]!;
    array.set(output);
    elsewhere += performance.now() - from;
    return array;
  };
  const from = performance.now();
  let last: { x: Float32Array } | undefined;
  for await (const step of runPlan(plan, { grid, network, x })) {
    if (look) step.x;
    last = step;
  }
  const result = last?.x;
  const us = ((performance.now() - from - elsewhere) / STEPS) * 1000;
  if (!result?.every(Number.isFinite)) throw new Error("the steps gave values that are no numbers");
  return us;
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
  /** With one thread. */
  oneThread: Record<string, number>;
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

async function fastest(work: (i: number) => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) least = Math.min(least, await work(i));
  return least;
}

function timeIt(work: () => unknown): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}
