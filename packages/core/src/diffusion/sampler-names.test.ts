import { describe, expect, it } from "vitest";
import { diffusersSchedulers } from "./diffusers/from-diffusers.ts";
import { readSamplerOptions, readSchedulerOptions, resolveSampler, resolveScheduler } from "./sampler-names.ts";
import { samplerNames } from "./samplers.ts";

describe("names", () => {
  it.each([
    ["euler", { sampler: "euler" }],
    ["Euler a", { sampler: "euler_ancestral" }],
    ["DPM++ 2M Karras", { sampler: "dpmpp_2m", scheduler: "karras" }],
    ["DPM++ 2M SDE Exponential", { sampler: "dpmpp_2m_sde", scheduler: "exponential" }],
    ["DPM++ 3M SDE", { sampler: "dpmpp_3m_sde" }],
    ["DPM2 a Karras", { sampler: "dpm_2_ancestral", scheduler: "karras" }],
    ["LMS Karras", { sampler: "lms", scheduler: "karras" }],
    ["UniPC", { sampler: "uni_pc" }],
    ["PLMS", { sampler: "pndm" }],
    ["DDIM", { sampler: "ddim" }],
    ["EulerAncestralDiscreteScheduler", { sampler: "euler_ancestral" }],
    ["dpmpp_2m_sde_gpu", { sampler: "dpmpp_2m_sde" }],
  ])("%s is found", (name, expected) => {
    expect(resolveSampler(name)).toEqual(expected);
  });

  it("finds every diffusers class that can be read, and every name of its own", () => {
    for (const name of [...diffusersSchedulers, ...samplerNames])
      expect(samplerNames).toContain(resolveSampler(name).sampler);
  });

  it("finds schedulers", () => {
    expect(resolveScheduler("karras")).toBe("karras");
    expect(resolveScheduler("SGM Uniform")).toBe("sgm_uniform");
    expect(resolveScheduler("Align Your Steps")).toBe("align_your_steps");
  });

  it.each(["", "oiler", "constructor", "__proto__", "karras"])(
    "refuses the sampler %j, listing those there are",
    (name) => {
      expect(() => resolveSampler(name)).toThrow(/sampler.*euler, .*dpmpp_2m/);
    },
  );

  it("refuses a scheduler that isn't, listing those there are", () => {
    expect(() => resolveScheduler("toString")).toThrow(/scheduler.*karras, exponential/);
  });
});

describe("options", () => {
  it("are read in either spelling", () => {
    expect(readSamplerOptions({ s_noise: 1.1, eta: 0.5, solver_type: "heun" })).toEqual({
      sNoise: 1.1,
      eta: 0.5,
      solver: "heun",
    });
    expect(readSchedulerOptions({ sigma_min: 0.1, rho: 5 })).toEqual({ sigmaMin: 0.1, rho: 5 });
  });

  it.each([
    [{ s_noize: 1 }, /samplerOptions.s_noize.*unknown.*sNoise/],
    [{ eta: "much" }, /samplerOptions.eta.*number/],
    [{ eta: Number.NaN }, /samplerOptions.eta.*number/],
    [{ __proto__: null, constructor: 1 }, /samplerOptions.constructor/],
  ])("refuses %j", (given, message) => {
    expect(() => readSamplerOptions(given)).toThrow(message);
  });
});
