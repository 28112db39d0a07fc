import { describe, expect, it } from "vitest";
import { diffusersSchedulers } from "./diffusers/from-diffusers.ts";
import { resolveSampler, resolveScheduler } from "./sampler-names.ts";
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
    ["DPM++ 2M SDE Heun Karras", { sampler: "dpmpp_2m_sde_heun", scheduler: "karras" }],
    ["dpm++_sde_karras", { sampler: "dpmpp_sde", scheduler: "karras" }],
    ["Euler SGM Uniform", { sampler: "euler", scheduler: "sgm_uniform" }],
    ["DPM fast", { sampler: "dpm_fast" }],
    ["DPM adaptive Karras", { sampler: "dpm_adaptive", scheduler: "karras" }],
    ["Restart", { sampler: "restart" }],
    ["HeunPP2", { sampler: "heunpp2" }],
    ["DDIM CFG++", { sampler: "euler_cfg_pp" }],
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
    expect(resolveScheduler("Align Your Steps 11")).toBe("align_your_steps");
    expect(resolveScheduler("Align Your Steps GITS")).toBe("gits");
    expect(resolveScheduler("Polyexponential")).toBe("polyexponential");
    expect(resolveScheduler("Turbo")).toBe("turbo");
    expect(resolveScheduler("Automatic")).toBe("normal");
    expect(resolveScheduler("Automatic", "dpmpp_2m_sde")).toBe("exponential");
  });

  it.each(["", "oiler", "constructor", "__proto__", "karras", "ddim_uniform"])(
    "refuses the sampler %j, listing those there are",
    (name) => {
      expect(() => resolveSampler(name)).toThrow(/sampler.*euler, .*dpmpp_2m/);
    },
  );

  it("refuses a scheduler that isn't, listing those there are", () => {
    expect(() => resolveScheduler("toString")).toThrow(/scheduler.*karras, exponential/);
  });
});
