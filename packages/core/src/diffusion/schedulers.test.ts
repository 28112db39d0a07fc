import { describe, expect, it } from "vitest";
import { makeFlowSchedule } from "./flow-schedule.ts";
import { makeNoiseSchedule } from "./noise-schedule.ts";
import { checkSigmas } from "./sampler.ts";
import type { AlignYourStepsModel } from "./schedulers/align-your-steps.ts";
import { makeSigmas, type SchedulerName, schedulerNames } from "./schedulers.ts";
import { readFixture, relativeError } from "./test-oracle.ts";

interface Case {
  model: string;
  name: SchedulerName;
  n: number;
  sigmas: number[];
}

const { header } = readFixture<{ schedulers: Case[] }>("comfy");
const discrete = makeNoiseSchedule();
const flow = makeFlowSchedule({ shift: 3 });

describe("schedulers", () => {
  it.each(header.schedulers.map((test) => [`${test.name} ${test.model} ${test.n}`, test] as const))(
    "%s is ComfyUI's",
    (_, { model, name, n, sigmas }) => {
      const options = name === "align_your_steps" ? { model: model as AlignYourStepsModel } : {};
      const actual = makeSigmas(name, n, model === "flow" ? flow : discrete, options);
      expect(relativeError(actual, sigmas)).toBeLessThan(1e-6);
      // The low levels too: float32 leaves them five digits.
      for (const [i, sigma] of sigmas.entries()) expect(Math.abs(actual[i]! - sigma)).toBeLessThanOrEqual(2e-5 * sigma);
    },
  );

  it.each(schedulerNames)("%s falls to 0 for any number of steps", (name) => {
    for (const schedule of name === "align_your_steps" || name === "gits" ? [discrete] : [discrete, flow])
      for (let n = 1; n <= 1000; n += n < 30 ? 1 : 97) {
        const sigmas = makeSigmas(name, n, schedule);
        expect(sigmas.at(-1)).toBe(0);
        expect(sigmas[0]).toBeLessThanOrEqual(schedule.sigmaMax * (1 + 1e-6));
        for (let i = 1; i < sigmas.length; i++) expect(sigmas[i]!).toBeLessThanOrEqual(sigmas[i - 1]!);
        if (name !== "ddim_uniform" && name !== "beta") expect(sigmas).toHaveLength(n + 1);
      }
  });

  it("has one level for all where σ_min = σ_max", () => {
    for (const name of ["karras", "exponential", "polyexponential", "kl_optimal"] as const)
      for (const level of [0.1, 2, 5, 14.6]) {
        const sigmas = makeSigmas(name, 4, discrete, { sigmaMin: level, sigmaMax: level });
        for (const sigma of sigmas.slice(0, 4)) expect(sigma).toBeCloseTo(level, 12);
        expect(() => checkSigmas(sigmas, "ve")).not.toThrow();
      }
  });

  it("refuses what makes no sense, naming what is allowed", () => {
    expect(() => makeSigmas("carras" as SchedulerName, 5, discrete)).toThrow(/scheduler.*karras/);
    expect(() => makeSigmas("karras", 0, discrete)).toThrow(/steps.*1 to 10000/);
    expect(() => makeSigmas("karras", 2.5, discrete)).toThrow(/steps/);
    expect(() => makeSigmas("karras", 5, discrete, { sigmaMin: 3, sigmaMax: 1 })).toThrow(
      /schedulerOptions\.sigmaMax.*from 3/,
    );
    expect(() => makeSigmas("karras", 5, discrete, { sigmaMin: Number.NaN })).toThrow(/sigmaMin/);
    expect(() => makeSigmas("align_your_steps", 5, flow)).toThrow(/scheduler/);
  });
});
