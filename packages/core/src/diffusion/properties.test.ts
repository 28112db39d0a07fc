import { describe, expect, it } from "vitest";
import {
  addNoise,
  fromDiffusers,
  makeFlowSchedule,
  makeNoiseSchedule,
  makePlan,
  runPlan,
  startFromNoise,
} from "./index.ts";
import { brownianSamplers } from "./noise/image-noise.ts";
import { TorchGenerator, torchRandn } from "./noise/torch-generator.ts";
import type { Sampler } from "./sampler.ts";
import { type SamplerName, samplerNames, samplers } from "./samplers.ts";
import { schedulerNames } from "./schedulers.ts";
import { relativeError } from "./test-oracle.ts";

const schedule = makeNoiseSchedule();
const flow = makeFlowSchedule({ shift: 3 });
const zero = async (x: Float32Array) => new Float32Array(x.length);

/** Runs a sampler over levels and gives the last latent; `model` as a denoiser. */
async function run(
  name: SamplerName,
  sigmas: ArrayLike<number>,
  model: (x: Float32Array, sigma: number) => Promise<Float32Array>,
  more: { space?: "ve" | "vp" | "flow"; x?: Float32Array; options?: object } = {},
): Promise<Float32Array> {
  const generator = new TorchGenerator(1);
  const x = more.x ?? generator.randn(32).map((value) => value * sigmas[0]!);
  let uncond: Float32Array = new Float32Array(32);
  const sampler: Sampler = samplers[name];
  let last = x;
  const input = {
    model: async (state: Float32Array, sigma: number) => {
      const denoised = await model(state, sigma);
      uncond = denoised.slice();
      return denoised;
    },
    x,
    sigmas,
    space: more.space ?? "ve",
    noise: () => generator.randn(32),
    options: { uncond: () => uncond, ...more.options },
  };
  for await (const step of sampler(input)) last = step.x;
  return last;
}

/** For data N(0, s²) the best denoiser, whose ODE has an exact solution: x scales with √(s²α² + σ²). */
const gaussian = (s: number) => async (x: Float32Array, sigma: number) =>
  x.map((value) => (value * s * s) / (s * s + sigma * sigma));

const karras = (n: number) =>
  makePlan({ sampler: "euler", scheduler: "karras", schedule, prediction: "epsilon" }).grid({ steps: n }).sigmas;

/** DPM-Solver-fast and -adaptive end at the lowest level above 0. */
const ownLevels = (name: SamplerName) => name === "dpm_fast" || name === "dpm_adaptive";

/** Samplers without noise of their own, which follow the ODE. */
const deterministic = samplerNames.filter((name) => {
  const random = [
    "ddpm",
    "lcm",
    "tcd",
    "consistency",
    "sa_solver",
    "er_sde",
    "restart",
    "sa_solver_pece",
    "seeds_2",
    "seeds_3",
    "exp_heun_2_x0_sde",
  ];
  return !name.includes("ancestral") && !brownianSamplers.includes(name) && !random.includes(name);
});

describe.each(samplerNames)("%s", (name) => {
  it("ends at x0 where the model says 0", async () => {
    const end = await run(name, karras(7), zero);
    // A consistency model's end is at σ_min and TCD's at the last level but one, so noise is left there.
    for (const value of end)
      expect(Math.abs(value)).toBeLessThan(name === "pndm" || name === "ipndm_v" || ownLevels(name) ? 1 : 1e-3);
  });

  it("gives finite values for any number of steps, equal levels, and a last level above 0", async () => {
    for (const sigmas of [
      [3, 0],
      [3, 2],
      [14.6, 0.03, 0],
      [5, 5, 5, 0],
      [5, 2, 2, 1, 0],
      [2, 2],
      [80, 1e-3, 0],
      karras(30),
    ])
      for (const value of await run(name, sigmas, gaussian(0.7)))
        expect(Number.isFinite(value), `${sigmas}`).toBe(true);
  });

  it("leaves its input alone and keeps the shape", async () => {
    const x = torchRandn(3, 32);
    const copy = x.slice();
    expect(await run(name, [4, 1, 0], gaussian(1), { x })).toHaveLength(32);
    expect(x).toEqual(copy);
  });

  it("yields once a step, with views of what there is", async () => {
    const sampler: Sampler = samplers[name];
    const noise = () => torchRandn(5, 32);
    let last: Float32Array = new Float32Array(32);
    const model = async (state: Float32Array) => {
      last = state.map((value) => value / 2);
      return last;
    };
    const options = { uncond: () => last };
    const steps: number[] = [];
    let previous: Float32Array | undefined;
    for await (const step of sampler({ model, x: torchRandn(1, 32), sigmas: [4, 2, 1, 0], noise, options })) {
      steps.push(step.step);
      expect(step.denoised).toHaveLength(32);
      expect(step.sigmaNext).toBeLessThanOrEqual(step.sigma);
      if (previous) expect(step.x).toBe(previous);
      previous = step.x;
    }
    // PNDM takes its first step twice, DPM-Solver-fast goes by calls, and the adaptive one has as many as it likes.
    if (name === "dpm_adaptive") expect(steps).toEqual(Array.from(steps, (_, i) => i + 1));
    else expect(steps).toEqual(name === "pndm" ? [1, 2, 3, 4] : name === "dpm_fast" ? [2, 3] : [1, 2, 3]);
  });

  it("stops at an abort with the signal's reason", async () => {
    const controller = new AbortController();
    const sampler: Sampler = samplers[name];
    let calls = 0;
    const model = async (x: Float32Array) => {
      if (++calls === 2) controller.abort(new Error("enough"));
      return x.map((value) => value / 2);
    };
    const input = {
      model,
      x: torchRandn(1, 32),
      sigmas: [9, 5, 3, 1, 0.5, 0],
      noise: () => torchRandn(2, 32),
      signal: controller.signal,
    };
    const all = (async () => {
      for await (const _ of sampler({ ...input, options: { uncond: () => new Float32Array(32) } }));
    })();
    await expect(all).rejects.toThrow("enough");
    expect(calls).toBe(2);
  });
});

/** How many steps the adaptive sampler takes is its own choice. */
describe.each(deterministic.filter((name) => !name.endsWith("cfg_pp") && name !== "dpm_adaptive"))(
  "%s, on Gaussian data",
  (name) => {
    it("comes closer to the exact solution with more steps", async () => {
      const s = 0.8;
      const x = torchRandn(2, 32).map((value) => value * 14.6);
      const exact = x.map((value) => (value * s) / Math.sqrt(s * s + 14.6 ** 2));
      const errors: number[] = [];
      for (const n of [8, 32, 128]) {
        const sigmas = Float64Array.from(karras(n));
        const scaled = x.map((value) => (value * sigmas[0]!) / 14.6);
        errors.push(relativeError(await run(name, sigmas, gaussian(s), { x: scaled }), exact));
      }
      expect(errors[2]).toBeLessThan(0.05);
      expect(errors[2]).toBeLessThan(errors[0]! / 2);
    });
  },
);

describe("every sampler with every scheduler", () => {
  it.each(samplerNames)("%s stays finite", async (sampler) => {
    for (const scheduler of schedulerNames)
      for (const model of [schedule, flow]) {
        if (model === flow && (scheduler === "align_your_steps" || scheduler === "gits" || sampler === "consistency"))
          continue;
        const plan = makePlan({
          sampler,
          scheduler,
          schedule: model,
          prediction: model === flow ? "flow_prediction" : "epsilon",
        });
        for (const steps of [1, 2, 3, 9]) {
          const grid = plan.grid({ steps });
          let output = new Float32Array(16);
          const network = async (input: Float32Array) => {
            output = Float32Array.from(input, (value) => 0.6 * Math.tanh(value));
            return output.slice();
          };
          const noise = () => torchRandn(4, 16);
          const x = startFromNoise(grid, torchRandn(9, 16));
          let last = x;
          for await (const step of runPlan(plan, { grid, network, x, noise, uncond: () => output })) last = step.x;
          expect(last.every(Number.isFinite), `${scheduler} ${model.space} ${steps}`).toBe(true);
        }
      }
  });
});

describe("from 1 to 1000 steps", () => {
  it.each([
    "DDIMScheduler",
    "EulerDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "PNDMScheduler",
    "DDPMScheduler",
  ])("%s lays out falling levels within the model's range", (name) => {
    const plan = fromDiffusers({
      _class_name: name,
      beta_schedule: "scaled_linear",
      beta_start: 0.00085,
      beta_end: 0.012,
      skip_prk_steps: true,
    });
    for (let steps = 1; steps <= 1000; steps += steps < 40 ? 1 : 61) {
      const grid = plan.grid({ steps });
      for (let i = 1; i < grid.sigmas.length; i++) expect(grid.sigmas[i]!).toBeLessThanOrEqual(grid.sigmas[i - 1]!);
      for (const t of grid.timesteps) expect(t >= 0 && t < 1000, `${t}`).toBe(true);
    }
  });
});

describe("image-to-image", () => {
  const plan = fromDiffusers({ _class_name: "DDIMScheduler", beta_schedule: "scaled_linear", clip_sample: false });
  const latent = torchRandn(1, 16);

  it("runs nothing at strength 0 and everything at 1", async () => {
    const none = plan.grid({ steps: 10, strength: 0 });
    expect(none.steps).toBe(0);
    const steps: number[] = [];
    for await (const step of runPlan(plan, { grid: none, network: zero, x: latent })) steps.push(step.step);
    expect(steps).toEqual([]);
    expect(plan.grid({ steps: 10, strength: 1 }).steps).toBe(10);
    for (const strength of [0.01, 0.05, 0.99])
      expect(plan.grid({ steps: 10, strength }).steps).toBe(Math.floor(10 * strength));
  });

  it("adds no noise to the latent at the last level's end", () => {
    const grid = plan.grid({ steps: 5 });
    expect(addNoise(grid, latent, torchRandn(2, 16), 5)).toEqual(latent);
  });

  it("runs from startStep to endStep", () => {
    const whole = plan.grid({ steps: 10 });
    const part = plan.grid({ steps: 10, startStep: 3, endStep: 7 });
    expect(Array.from(part.timesteps)).toEqual(Array.from(whole.timesteps.slice(3, 7)));
    expect(part.sigmas.at(-1)).toBe(whole.sigmas[7]);
    expect(plan.grid({ steps: 10, endStep: 10_000 }).steps).toBe(10);
    expect(plan.grid({ steps: 10, strength: 0, endStep: 2 }).steps).toBe(0);
  });
});
