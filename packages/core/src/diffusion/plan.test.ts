import { describe, expect, it } from "vitest";
import {
  addNoise,
  blendInpaint,
  blendInpaintAt,
  fromDiffusers,
  guidedNetwork,
  makeFlowSchedule,
  makeGuidance,
  makeNoiseSchedule,
  makePlan,
  runPlan,
  startFromNoise,
  torchRandn,
} from "./index.ts";
import { relativeError } from "./test-oracle.ts";

const schedule = makeNoiseSchedule();
const euler = makePlan({ sampler: "euler", scheduler: "karras", schedule, prediction: "epsilon" });

describe("makePlan", () => {
  it("tells the network the nearest timestep, as ComfyUI does, or the interpolated one", () => {
    const timesteps = Array.from(euler.grid({ steps: 6 }).timesteps);
    expect(timesteps.every(Number.isInteger)).toBe(true);
    const between = makePlan({
      sampler: "euler",
      scheduler: "karras",
      schedule,
      prediction: "epsilon",
      timesteps: "interpolated",
    });
    const exact = between.grid({ steps: 6 }).timesteps;
    expect(exact.some((t) => !Number.isInteger(t))).toBe(true);
    for (const [i, t] of exact.entries()) expect(Math.abs(t - timesteps[i]!)).toBeLessThanOrEqual(0.5);
  });

  it("takes levels and timesteps of the caller's own", () => {
    const levels = euler.grid({ sigmas: [10, 3, 1, 0] });
    expect(Array.from(levels.sigmas)).toEqual([10, 3, 1, 0]);
    const timed = euler.grid({ timesteps: [999, 400, 20] });
    expect(Array.from(timed.timesteps)).toEqual([999, 400, 20]);
    expect(timed.sigmas[0]).toBeCloseTo(schedule.sigmaMax, 4);
    expect(timed.sigmas[3]).toBe(0);
  });

  it("ends a zero-terminal-SNR schedule at a finite level", () => {
    const endless = makeNoiseSchedule({ zeroTerminalSnr: true });
    expect(endless.sigmaMax).toBe(Number.POSITIVE_INFINITY);
    const plan = makePlan({ sampler: "euler", scheduler: "karras", schedule: endless, prediction: "v_prediction" });
    expect(plan.grid({ steps: 4 }).sigmas[0]).toBeCloseTo(4518.76, 0);
  });

  it("passes options to the sampler and the scheduler", () => {
    const plan = makePlan({
      sampler: "euler",
      scheduler: "karras",
      schedule,
      prediction: "epsilon",
      schedulerOptions: { sigmaMax: 5, rho: 3 },
    });
    expect(plan.grid({ steps: 3 }).sigmas[0]).toBeCloseTo(5, 12);
  });

  it("steps flow models in their own space", async () => {
    const flow = makeFlowSchedule({ shift: 3 });
    const plan = makePlan({ sampler: "euler", scheduler: "simple", schedule: flow, prediction: "flow_prediction" });
    const grid = plan.grid({ steps: 50 });
    const noise = torchRandn(1, 16);
    const clean = torchRandn(2, 16);
    // The exact velocity of a straight path ends at the clean latent.
    const network = async () => noise.map((value, i) => value - clean[i]!);
    let last = startFromNoise(grid, noise);
    for await (const { x } of runPlan(plan, { grid, network, x: last })) last = x;
    expect(relativeError(last, clean)).toBeLessThan(1e-5);
  });

  it.each([
    [{}, /exactly one/],
    [{ steps: 5, sigmas: [1, 0] }, /exactly one/],
    [{ steps: 0 }, /steps.*1 to 10000/],
    [{ steps: 5, strength: 1.5 }, /strength.*0 to 1/],
    [{ sigmas: [1, 2, 0] }, /sigmas.*must fall/],
    [{ sigmas: [1, Number.NaN, 0] }, /sigmas.*finite/],
    [{ sigmas: [1] }, /sigmas.*at least 2/],
    [{ sigmas: [1, 0, 0] }, /sigmas/],
    [{ timesteps: [10, 500, 999] }, /timesteps.*must fall/],
    [{ timesteps: [] }, /timesteps.*empty/],
    [{ timesteps: [5000, 300] }, /timesteps.*5000.*up to 999/],
    [{ steps: 5, startStep: 9 }, /startStep.*0 to 5/],
    [{ steps: 5, startStep: 3, endStep: 2 }, /endStep/],
  ])("refuses %j", (request, message) => {
    expect(() => euler.grid(request)).toThrow(message);
  });

  it("refuses a prediction, a sampler and options that don't go with the model, before the first step", () => {
    const plan = (changes: object) => () =>
      makePlan({ sampler: "euler", scheduler: "karras", schedule, prediction: "epsilon", ...changes });
    expect(plan({ prediction: "eps" })).toThrow(/prediction.*eps.*v_prediction/);
    expect(plan({ prediction: "flow_prediction" })).toThrow(/prediction.*flow_prediction.*ve space/);
    const flow = { schedule: makeFlowSchedule(), prediction: "flow_prediction" };
    expect(plan({ ...flow, sampler: "consistency" })).toThrow(/sampler.*flow models/);
    expect(plan({ ...flow, prediction: "epsilon" })).toThrow(/prediction.*flow space/);
    expect(plan({ sampler: "lms", options: { order: "x" } })).toThrow(/order.*1 to 4/);
  });

  it("refuses unknown names, listing those there are", () => {
    expect(() =>
      makePlan({ sampler: "oiler" as "euler", scheduler: "karras", schedule, prediction: "epsilon" }),
    ).toThrow(/sampler.*euler/);
    expect(() =>
      makePlan({ sampler: "euler", scheduler: "caras" as "karras", schedule, prediction: "epsilon" }),
    ).toThrow(/scheduler.*karras/);
  });
});

describe("runPlan", () => {
  const tanh = (factor: number) => async (input: Float32Array) => input.map((value) => factor * Math.tanh(value));

  it("gives a CFG++ sampler the unconditional estimate", async () => {
    const plan = makePlan({ sampler: "euler_cfg_pp", scheduler: "karras", schedule, prediction: "epsilon" });
    const grid = plan.grid({ steps: 5 });
    const x = startFromNoise(grid, torchRandn(3, 16));
    const run = async (scale: number) => {
      const network = guidedNetwork(makeGuidance({ mode: "cfg++", scale }, 5), { cond: tanh(0.8), uncond: tanh(0.5) });
      let last = x;
      for await (const step of runPlan(plan, { grid, network, x, uncond: network.uncond })) last = step.x;
      return last;
    };
    // With no guidance at all it is Euler with the conditional x0 and the unconditional way back: by hand, for the first step.
    const [s0, s1] = [grid.sigmas[0]!, grid.sigmas[1]!];
    const inputs = x.map((value) => value / Math.hypot(1, s0));
    const expected = x.map((value, i) => {
      const [cond, uncond] = [0.8, 0.5].map((factor) => value - s0 * factor * Math.tanh(inputs[i]!));
      return cond! + (s1 * (value - uncond!)) / s0;
    });
    const network = guidedNetwork(makeGuidance({ mode: "cfg++", scale: 1 }, 5), { cond: tanh(0.8), uncond: tanh(0.5) });
    const first = await runPlan(plan, { grid, network, x, uncond: network.uncond }).next();
    expect(relativeError(first.value!.x, expected)).toBeLessThan(1e-5);
    expect(relativeError(await run(1.5), await run(1))).toBeGreaterThan(1e-3);
  });

  it("refuses a CFG++ sampler without it, and a stochastic one without noise", async () => {
    for (const [sampler, message] of [
      ["euler_cfg_pp", /uncond/],
      ["euler_ancestral", /noise/],
    ] as const) {
      const plan = makePlan({ sampler, scheduler: "karras", schedule, prediction: "epsilon" });
      const grid = plan.grid({ steps: 3 });
      const all = runPlan(plan, { grid, network: tanh(0.5), x: torchRandn(1, 16) });
      await expect(all.next()).rejects.toThrow(message);
    }
  });

  it("refuses an output of another size", async () => {
    const grid = euler.grid({ steps: 2 });
    const all = runPlan(euler, { grid, network: async () => new Float32Array(9), x: torchRandn(1, 16) });
    await expect(all.next()).rejects.toThrow(/9 values for a latent of 16/);
  });
});

describe("inpainting", () => {
  it("keeps the image outside the mask at each step's level, and exactly at the end", async () => {
    const plan = fromDiffusers({ _class_name: "DDIMScheduler", beta_schedule: "scaled_linear", clip_sample: false });
    const grid = plan.grid({ steps: 6 });
    const [latent, noise] = [torchRandn(1, 32), torchRandn(2, 32)];
    const mask = Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 1 : 0));
    let last = startFromNoise(grid, noise);
    for await (const { x, step } of runPlan(plan, {
      grid,
      network: async (input) => input.map((v) => 0.3 * v),
      x: last,
    })) {
      last = blendInpaint(x, step, { grid, latent, noise, mask });
      const known = step < grid.steps ? addNoise(grid, latent, noise, step) : latent;
      for (const i of [8, 15, 24, 31]) expect(last[i]).toBe(known[i]);
    }
    expect(last[0]).not.toBe(latent[0]);
  });

  it.each(["heun", "dpm_2", "dpm_2_ancestral", "dpmpp_sde", "seeds_3"] as const)(
    "reaches the latents that %s has within a step",
    async (sampler) => {
      const plan = makePlan({ sampler, scheduler: "karras", schedule, prediction: "epsilon" });
      const grid = plan.grid({ steps: 3 });
      const keep = { grid, latent: torchRandn(1, 8), noise: torchRandn(2, 8), mask: [0] };
      const inputs: Float32Array[] = [];
      const halfway: [index: number, known: Float32Array, scale: number][] = [];
      const run = runPlan(plan, {
        grid,
        network: async (input) => {
          inputs.push(input.slice());
          return input.slice();
        },
        x: startFromNoise(grid, keep.noise),
        noise: () => torchRandn(3, 8),
        halfway(x, sigma, index) {
          halfway.push([inputs.length, blendInpaintAt(x, sigma, keep).slice(), 1 / Math.hypot(1, sigma)]);
          expect(sigma).toBeLessThan(grid.sigmas[index]!);
        },
      });
      for await (const { step } of run) expect(step).toBeGreaterThan(0);
      // None in the last step, which ends at 0, and none before a step's first call.
      expect(halfway).toHaveLength(sampler === "seeds_3" ? 4 : 2);
      for (const [call, known, scale] of halfway)
        expect(
          relativeError(
            inputs[call]!,
            known.map((value) => value * scale),
          ),
        ).toBeLessThan(1e-6);
    },
  );

  it("mixes where the mask is between, and refuses one that doesn't fit", () => {
    const grid = euler.grid({ steps: 2 });
    const latent = Float32Array.of(4, 4);
    const keep = { grid, latent, noise: torchRandn(1, 2), mask: [0.25] };
    expect(blendInpaint(Float32Array.of(0, 8), 2, keep)).toEqual(Float32Array.of(3, 5));
    const part = euler.grid({ steps: 2, endStep: 1 });
    const noisy = addNoise(part, keep.latent, keep.noise, 1);
    expect(blendInpaint(Float32Array.of(0, 0), 1, { ...keep, grid: part, mask: [0, 0] })).toEqual(noisy);
    expect(() => blendInpaint(new Float32Array(2), 2, { ...keep, mask: [1, 1, 1] })).toThrow(/mask.*3 values/);
  });
});
