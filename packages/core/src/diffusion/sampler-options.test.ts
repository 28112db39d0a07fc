import { describe, expect, it } from "vitest";
import { readSamplerOptions, samplerOptions } from "./sampler-options.ts";
import { type SamplerName, samplerNames } from "./samplers.ts";
import { readSchedulerOptions, schedulerOptions } from "./scheduler-options.ts";
import { type SchedulerName, schedulerNames } from "./schedulers.ts";

describe("options", () => {
  it("are declared for every sampler and scheduler, with defaults in their own range", () => {
    expect(Object.keys(samplerOptions)).toEqual(samplerNames);
    expect(Object.keys(schedulerOptions)).toEqual(schedulerNames);
    for (const [sampler, specs] of Object.entries(samplerOptions))
      for (const [name, spec] of Object.entries(specs)) {
        if (spec.default === undefined) continue;
        const needed = spec.kind === "number" && spec.needs ? { [spec.needs]: 1 } : {};
        expect(readSamplerOptions(sampler as SamplerName, { ...needed, [name]: spec.default })).toHaveProperty(name);
      }
  });

  it("are read in either spelling, and by ComfyUI's names", () => {
    const given = { s_noise: 1.1, eta: 0.5, solver_type: "heun" };
    expect(readSamplerOptions("dpmpp_2m_sde", given)).toEqual({ sNoise: 1.1, eta: 0.5, solver: "heun" });
    expect(readSamplerOptions("er_sde", { max_stage: 2 })).toEqual({ order: 2 });
    expect(readSchedulerOptions("karras", { sigma_min: 0.1, rho: 5 })).toEqual({ sigmaMin: 0.1, rho: 5 });
  });

  it.each<[SamplerName, Record<string, unknown>, RegExp]>([
    ["euler", { s_noize: 1 }, /samplerOptions\.s_noize.*sampler "euler" takes sChurn \(0 to 1000\), sTmin/],
    ["euler", { eta: 1 }, /samplerOptions\.eta.*sampler "euler"/],
    ["dpmpp_2m", { s_churn: 30 }, /samplerOptions\.s_churn.*"dpmpp_2m" takes solver \(midpoint, heun\)/],
    ["dpmpp_2m", { predict: "noise" }, /samplerOptions\.predict/],
    ["pndm", { order: 2 }, /"pndm" takes no options/],
    ["lms", { gamma: 3 }, /samplerOptions\.gamma/],
    ["ipndm", { order: 0 }, /samplerOptions\.order.*1 to 4.*"ipndm", not 0/],
    ["ipndm", { order: 2.5 }, /samplerOptions\.order.*whole/],
    ["lms", { order: 7 }, /samplerOptions\.order.*1 to 4/],
    ["deis", { order: 9 }, /samplerOptions\.order.*1 to 3/],
    ["uni_pc", { order: 50 }, /samplerOptions\.order/],
    ["uni_pc", { bh: "bh3" }, /samplerOptions\.bh.*bh1, bh2/],
    ["uni_pc", { predict: "foo" }, /samplerOptions\.predict.*data, noise/],
    ["sa_solver", { predictorOrder: 99 }, /samplerOptions\.predictorOrder/],
    ["er_sde", { order: -1 }, /samplerOptions\.order/],
    ["dpmpp_sde", { r: 0 }, /samplerOptions\.r.*0\.01 to 1/],
    ["seeds_2", { r: 0 }, /samplerOptions\.r/],
    ["ddim", { eta: 7 }, /samplerOptions\.eta.*0 to 1/],
    ["tcd", { eta: 3 }, /samplerOptions\.eta.*0 to 1/],
    ["euler_ancestral", { eta: -1 }, /samplerOptions\.eta/],
    ["euler_ancestral", { eta: 50 }, /samplerOptions\.eta/],
    ["euler", { s_churn: -5 }, /samplerOptions\.s_churn/],
    ["euler", { s_tmin: 1 }, /samplerOptions\.s_tmin.*nothing without samplerOptions\.sChurn/],
    ["euler", { sTmin: 5, sTmax: 1, sChurn: 3 }, /samplerOptions\.sTmax.*from 5/],
    ["euler_ancestral", { s_noise: 1, sNoise: 2 }, /samplerOptions\.sNoise.*same as s_noise/],
    ["dpmpp_2m_sde", { solver_type: "nonsense" }, /samplerOptions\.solver_type.*midpoint, heun/],
    ["ddpm", { variance: "big" }, /samplerOptions\.variance.*small, large/],
    ["euler_ancestral", { eta: "much" }, /samplerOptions\.eta.*number/],
    ["euler_ancestral", { eta: Number.NaN }, /samplerOptions\.eta.*number/],
    ["euler", { __proto__: null, constructor: 1 }, /samplerOptions\.constructor/],
    ["lms", { fullOrderFinal: 1 }, /samplerOptions\.fullOrderFinal.*true or false/],
    ["oiler" as "euler", {}, /sampler.*unknown sampler oiler/],
  ])("of %s: %j is refused", (sampler, given, message) => {
    expect(() => readSamplerOptions(sampler, given)).toThrow(message);
  });

  it("have their own range in the flow space", () => {
    expect(readSamplerOptions("euler_ancestral", { eta: 1.5 }, { space: "ve" })).toEqual({ eta: 1.5 });
    expect(() => readSamplerOptions("euler_ancestral", { eta: 1.5 }, { space: "flow" })).toThrow(/0 to 1 for/);
  });

  it("of ComfyUI's sa_solver are those of its other one", () => {
    const plan = { options: { asComfy: {} } };
    expect(readSamplerOptions("sa_solver", { eta: 0.5, s_noise: 0.9 }, plan)).toEqual({ eta: 0.5, sNoise: 0.9 });
    expect(() => readSamplerOptions("sa_solver", { predict: "noise" }, plan)).toThrow(/predict.*eta/);
    expect(() => readSamplerOptions("sa_solver", { eta: 0.5 })).toThrow(/eta.*predict/);
  });

  it.each<[SchedulerName, Record<string, unknown>, RegExp]>([
    ["normal", { rho: 3 }, /schedulerOptions\.rho.*"normal" takes no options/],
    ["simple", { sigma_max: 3 }, /schedulerOptions\.sigma_max/],
    ["sgm_uniform", { sigma_min: 1 }, /schedulerOptions\.sigma_min/],
    ["karras", { model: "SDXL" }, /schedulerOptions\.model.*sigmaMin .*rho \(0.01 to 1000\)/],
    ["karras", { rho: 0 }, /schedulerOptions\.rho/],
    ["align_your_steps", { model: "SD3" }, /schedulerOptions\.model.*SD1, SDXL, SVD/],
    ["toString" as "karras", {}, /scheduler.*unknown/],
  ])("of scheduler %s: %j is refused", (scheduler, given, message) => {
    expect(() => readSchedulerOptions(scheduler, given)).toThrow(message);
  });
});
