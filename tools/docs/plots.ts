/**
 * Draws docs/images/schedulers.svg, flow-schedulers.svg, samplers.svg and stochastic-samplers.svg for docs/samplers.md.
 *
 *     node tools/docs/plots.ts
 */
import { writeFileSync } from "node:fs";
import {
  brownianNoise,
  makeFlowSchedule,
  makeNoiseSchedule,
  makeSigmas,
  type NoiseSchedule,
  type Sampler,
  type SamplerName,
  type SchedulerName,
  samplerNames,
  samplers,
  schedulerNames,
  TorchGenerator,
} from "../../packages/core/src/diffusion/index.ts";
import { brownianSamplers } from "../../packages/core/src/diffusion/noise/image-noise.ts";
import { drawFigure, type Line, type Panel } from "./svg.ts";

const BLUE = "#0969da";
const GREY = "#8c959f";
const ORANGE = "#bc4c00";
const STEPS = 20;
const schedule = makeNoiseSchedule();
const flow = makeFlowSchedule({ shift: 3 });

// --- Schedulers ------------------------------------------------------------------------------------------------------

const curve = (name: SchedulerName, model: NoiseSchedule): (readonly [number, number])[] =>
  Array.from(makeSigmas(name, STEPS, model).slice(0, -1), (sigma, i) => [i, sigma] as const);
const reference = (model: NoiseSchedule): Line => ({ points: curve("normal", model), color: GREY, dashed: true });

write("schedulers", {
  title: `σ of each of ${STEPS} steps, Stable Diffusion (dashed: normal)`,
  columns: 4,
  x: { label: "step", min: 0, max: STEPS, ticks: [0, 10, 20] },
  y: { label: "σ", min: 0.01, max: 20, log: true, ticks: [0.01, 0.1, 1, 10] },
  panels: schedulerNames.map((name) => ({
    title: name,
    lines: [reference(schedule), { points: curve(name, schedule), color: BLUE }],
  })),
});

write("flow-schedulers", {
  title: `σ of each of ${STEPS} steps, a flow-matching model of shift 3 (dashed: normal)`,
  columns: 4,
  x: { label: "step", min: 0, max: STEPS, ticks: [0, 10, 20] },
  y: { label: "σ", min: 0, max: 1, ticks: [0, 0.5, 1] },
  panels: schedulerNames
    .filter((name) => name !== "align_your_steps" && name !== "gits")
    .map((name) => ({ title: name, lines: [reference(flow), { points: curve(name, flow), color: BLUE }] })),
});

// --- Samplers --------------------------------------------------------------------------------------------------------

/** The known problem: data from two bells, one dimension. Its best denoiser and the ODE's solution are exact. */
const bells = [
  { weight: 0.4, mean: -1, deviation: 0.25 },
  { weight: 0.6, mean: 0.8, deviation: 0.4 },
];

function denoise(x: number, sigma: number): number {
  let [sum, total] = [0, 0];
  for (const { weight, mean, deviation } of bells) {
    const variance = deviation ** 2 + sigma ** 2;
    const likelihood = (weight / Math.sqrt(variance)) * Math.exp(-((x - mean) ** 2) / (2 * variance));
    sum += likelihood * (mean + (deviation ** 2 / variance) * (x - mean));
    total += likelihood;
  }
  return total > 0 ? sum / total : x;
}

/** The share of the noised data below x. */
function cumulative(x: number, sigma: number): number {
  return bells.reduce(
    (sum, { weight, mean, deviation }) => sum + weight * normalCdf((x - mean) / Math.hypot(deviation, sigma)),
    0,
  );
}

/** The data's quantile. */
function quantile(p: number): number {
  let [low, high] = [-4, 5];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cumulative(middle, 0) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normalCdf(z: number): number {
  // Abramowitz & Stegun 7.1.26 is too coarse; Simpson's rule over the density is exact enough.
  const n = 200;
  const end = Math.min(Math.max(z, -9), 9);
  let sum = 0;
  for (let i = 0; i <= n; i++) {
    const t = (end * i) / n;
    sum += (i === 0 || i === n ? 1 : i % 2 ? 4 : 2) * Math.exp((-t * t) / 2);
  }
  return 0.5 + (sum * end) / (3 * n) / Math.sqrt(2 * Math.PI);
}

const SIGMA_MAX = 20;
const COUNT = 512;
// Evenly placed quantiles of the noised data, so that a sampler's spread can be compared without chance in it.
const start = Float32Array.from({ length: COUNT }, (_, i) => {
  const p = (i + 0.5) / COUNT;
  let [low, high] = [-100, 100];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (cumulative(middle, SIGMA_MAX) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
});
const exact = Float64Array.from({ length: COUNT }, (_, i) => quantile((i + 0.5) / COUNT));

const stochastic = samplerNames.filter((name) =>
  /ancestral|sde|seeds|^ddpm$|^lcm$|^tcd$|^consistency$|^sa_solver|^restart$/.test(name),
);
const deterministic = samplerNames.filter((name) => !stochastic.includes(name) && !name.endsWith("cfg_pp"));
const stepCounts = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

const euler = await convergence("euler", false);
const ode: Panel[] = [];
for (const name of deterministic) {
  const lines: Line[] = [{ points: euler, color: GREY, dashed: true }];
  ode.push({ title: name, lines: [...lines, { points: await convergence(name, false), color: BLUE }] });
}
write("samplers", {
  title: "Mean distance from the exact solution, by calls of the model (dashed: euler)",
  columns: 4,
  x: { label: "calls of the model", min: 4, max: 400, log: true, ticks: [4, 10, 40, 100, 400] },
  y: { label: "mean distance", min: 1e-5, max: 1, log: true, ticks: [1e-4, 1e-3, 1e-2, 0.1, 1] },
  panels: ode,
});

const ancestral = await convergence("euler_ancestral", true);
const sde: Panel[] = [];
for (const name of stochastic.filter((name) => !name.endsWith("cfg_pp"))) {
  const lines: Line[] = [{ points: ancestral, color: GREY, dashed: true }];
  sde.push({ title: name, lines: [...lines, { points: await convergence(name, true), color: ORANGE }] });
}
write("stochastic-samplers", {
  title: "Distance (Wasserstein-1) from the data of 4096 samples, by calls of the model (dashed: euler_ancestral)",
  columns: 4,
  x: { label: "calls of the model", min: 4, max: 400, log: true, ticks: [4, 10, 40, 100, 400] },
  y: { label: "distance", min: 0.005, max: 1, log: true, ticks: [0.01, 0.1, 1] },
  panels: sde,
});

/** Error by number of calls: of each value from its exact end, or of the whole spread from the data's. */
async function convergence(name: SamplerName, asSpread: boolean): Promise<[number, number][]> {
  const copies = asSpread ? 8 : 1;
  const x = new Float32Array(COUNT * copies).map((_, i) => start[i % COUNT]!);
  const points: [number, number][] = [];
  for (const n of stepCounts) {
    const sigmas = makeSigmas("karras", n, schedule, { sigmaMin: 0.01, sigmaMax: SIGMA_MAX });
    let calls = 0;
    const model = async (state: Float32Array, sigma: number) => {
      calls++;
      return Float32Array.from(state, (value) => denoise(value, sigma));
    };
    const generator = new TorchGenerator(1);
    const tree = brownianSamplers.includes(name);
    const noise = tree ? brownianNoise({ seed: 1, length: x.length, sigmas }) : () => generator.randn(x.length);
    const sampler: Sampler = samplers[name];
    let end: Float32Array = x;
    // The adaptive one's calls follow from the error it allows.
    const options = name === "dpm_adaptive" ? { rtol: 8 / n ** 2, atol: 1 / n ** 2 } : {};
    for await (const step of sampler({ model, x, sigmas, noise, options })) end = step.x;
    const values = asSpread ? Float64Array.from(end).sort() : Float64Array.from(end);
    let error = 0;
    for (let i = 0; i < values.length; i++)
      error += Math.abs(values[i]! - exact[asSpread ? Math.floor(i / copies) : i]!) / values.length;
    points.push([calls, error]);
  }
  return points;
}

function write(name: string, figure: Parameters<typeof drawFigure>[0]): void {
  writeFileSync(new URL(`../../docs/images/${name}.svg`, import.meta.url), drawFigure(figure));
}
