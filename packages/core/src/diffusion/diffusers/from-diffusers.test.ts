import { describe, expect, it } from "vitest";
import { addNoise, type GridRequest, startFromNoise } from "../grid.ts";
import { brownianNoise } from "../noise/brownian-tree.ts";
import { TorchGenerator } from "../noise/torch-generator.ts";
import { runPlan } from "../plan.ts";
import { ratioOf } from "../space.ts";
import { oracleNetworks, readFixture, relativeError } from "../test-oracle.ts";
import { fromDiffusers } from "./from-diffusers.ts";

interface Case {
  name: string;
  config: Record<string, unknown>;
  steps: number | null;
  set_timesteps?: { mu?: number; timesteps?: number[]; sigmas?: number[] };
  strength?: number;
  network: string;
  seed: number;
  step?: Record<string, unknown>;
  generator?: boolean;
  initNoiseSigma: number;
  timesteps: number[];
  sigmas: number[] | null;
  order: number;
  offset: number;
  states: number;
}

const SIZE = 32;
const { header, data } = readFixture<{ cases: Case[] }>("diffusers");

/** Where float32 rounding is amplified, so that 1e-5 can't be held; the reason beside each. */
const looser: Record<string, number> = {
  // σ starts at 4096, so the first step's sum cancels three digits.
  "EulerDiscreteScheduler v, zero SNR": 1e-4,
  "EulerAncestralDiscreteScheduler v, zero SNR": 1e-4,
  // α starts at 0.001, and diffusers' 1 − σ has only three float32 digits of it.
  "DEISMultistepScheduler flow": 1e-4,
};

describe.each(header.cases)("$name", (test) => {
  const plan = fromDiffusers(test.config);

  it("lays out diffusers' timesteps and sigmas", () => {
    const grid = plan.grid(request(test));
    const timesteps = test.order === 1 ? test.timesteps : everyStep(test.timesteps);
    expect(relativeError(grid.timesteps, timesteps)).toBeLessThan(1e-5);
    if (test.sigmas && test.order === 1) {
      const sigmas = Array.from(grid.sigmas, (sigma) => (grid.space === "flow" ? sigma : ratioOf(grid.space, sigma)));
      expect(relativeError(sigmas, test.sigmas.slice(0, sigmas.length))).toBeLessThan(1e-6);
    }
    expect(relativeError([grid.initNoiseSigma], [test.initNoiseSigma])).toBeLessThan(1e-6);
  });

  it("takes diffusers' steps", async () => {
    const grid = plan.grid({ ...request(test), ...(test.strength === undefined ? {} : { strength: test.strength }) });
    const generator = new TorchGenerator(test.seed);
    const noise = generator.randn(SIZE);
    const latent = Float32Array.from({ length: SIZE }, (_, i) => -1 + (2 * i) / (SIZE - 1));
    const x = test.strength === undefined ? startFromNoise(grid, noise) : addNoise(grid, latent, noise);
    const network = async (input: Float32Array, t: number) => oracleNetworks[test.network]!(input, t);
    const tolerance = looser[test.name] ?? 1e-5;
    expect(relativeError(x, state(test, 0)), "start").toBeLessThan(tolerance);
    let steps = 0;
    const { treeSeed } = plan;
    const noiseOf =
      treeSeed !== undefined
        ? brownianNoise({ seed: treeSeed, length: SIZE, sigmas: plan.grid(request(test)).sigmas })
        : () => generator.randn(SIZE);
    for await (const step of runPlan(plan, { grid, network, x, noise: noiseOf, options: test.step ?? {} })) {
      steps = step.step;
      const call = test.order === 1 ? steps : Math.min(steps * test.order, test.states - 1);
      expect(relativeError(step.x, state(test, call)), `step ${steps}`).toBeLessThan(tolerance);
    }
    expect(steps).toBe(test.order === 1 ? test.states - 1 : Math.ceil((test.states - 1) / test.order));
  });
});

function request({ steps, set_timesteps: given }: Case): GridRequest {
  return { ...(steps === null ? {} : { steps }), ...given };
}

/** Of a second-order scheduler's timesteps, those that its steps begin at. */
function everyStep(timesteps: number[]): number[] {
  return timesteps.filter((_, i) => i % 2 === 0);
}

function state(test: Case, call: number): Float32Array {
  const from = test.offset + call * SIZE;
  return data.subarray(from, from + SIZE);
}

describe("levels that are given", () => {
  it("end a flow at 0, whether they say so or not", () => {
    const plan = fromDiffusers({ _class_name: "FlowMatchEulerDiscreteScheduler", shift: 2 });
    const grid = plan.grid({ sigmas: [1, 0.8, 0.5, 0.2] });
    expect(plan.grid({ sigmas: [1, 0.8, 0.5, 0.2, 0] })).toEqual(grid);
    expect(grid.sigmas.at(-1)).toBe(0);
  });

  it("are counted by calls for a strength where diffusers does so, and a strength that leaves none is refused", () => {
    const plan = fromDiffusers({ _class_name: "HeunDiscreteScheduler" });
    const timesteps = [999, 700, 400, 200, 50, 10];
    expect(plan.grid({ timesteps, strength: 0.6 })).toMatchObject({ steps: 1, offset: 5 });
    expect(plan.grid({ timesteps, strength: 0 }).steps).toBe(0);
    expect(() => plan.grid({ timesteps, strength: 0.3 })).toThrow(/strength.*0.3 leaves no step.*11 calls/);
    expect(fromDiffusers({ _class_name: "DDPMScheduler" }).grid({ timesteps, strength: 0.6 }).steps).toBe(3);
  });

  it("are refused by the classes that take none, which say so", () => {
    const plan = fromDiffusers({ _class_name: "DDIMScheduler" });
    expect(plan.accepts).toEqual([]);
    expect(() => plan.grid({ timesteps: [500, 1] })).toThrow(/timesteps.*can't be given/);
  });
});
