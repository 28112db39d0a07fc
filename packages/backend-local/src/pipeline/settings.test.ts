import { parseRequest } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../local.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { copyModel, fixtureModel, schedulerOf } from "../testing/test-model.ts";
import { settle } from "./settings.ts";

const wrong: [string, Record<string, unknown>][] = [
  ["samplerOptions.order", { sampler: "lms", samplerOptions: { order: 7 } }],
  ["samplerOptions.order", { sampler: "ipndm", samplerOptions: { order: 0 } }],
  ["samplerOptions.eta", { sampler: "tcd", samplerOptions: { eta: 3 } }],
  ["samplerOptions.eta", { sampler: "euler", samplerOptions: { eta: 1 } }],
  ["samplerOptions.s_churn", { samplerOptions: { s_churn: 5 } }],
  ["samplerOptions.solver_type", { sampler: "dpmpp_2m_sde", samplerOptions: { solver_type: "nonsense" } }],
  ["schedulerOptions.rho", { scheduler: "normal", schedulerOptions: { rho: 3 } }],
  ["schedulerOptions.shift", { scheduler: "normal", schedulerOptions: { shift: 3 } }],
  ["schedulerOptions", { schedulerOptions: { rho: 3 } }],
  ["timesteps", { sampler: "euler", timesteps: [5000, 300] }],
  ["noise.ensd", { noise: { convention: "comfyui", ensd: 5 } }],
  ["noise.subseedStrength", { noise: { subseed: 4, subseedStrength: 0.5 } }],
  ["guidance.scales", { guidance: { scales: [1, 2] }, steps: 5 }],
];

describe("what a request leaves open", () => {
  test.each(wrong)("%s is refused before the engine starts: %j", async (field, given) => {
    const request = parseRequest({ prompt: "a red apple", ...given });
    const folder = await readModelFolder(fixtureModel("sd1"));
    expect(() => settle(request, folder)).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ field })] }),
    );
    const backend = local({ model: fixtureModel("sd1") });
    const events: string[] = [];
    const all = async () => {
      for await (const { type } of backend.generate(request, { signal: AbortSignal.timeout(60_000) }))
        events.push(type);
    };
    await expect(all()).rejects.toMatchObject({ code: "invalid_request" });
    expect(events).toEqual([]);
    await backend.dispose();
  });

  test("a dynamic shift goes by the picture's size", async () => {
    const config = { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true };
    const folder = await readModelFolder(await copyModel("sd1", await schedulerOf("sd1", config)));
    const sigmas = (side: number) =>
      settle(parseRequest({ prompt: "a", steps: 4, width: side, height: side }), folder).grid.sigmas;
    expect(sigmas(64)[1]).toBeGreaterThan(sigmas(32)[1]!);
  });

  test("a sampler's options and a scheduler's come through in our spelling, and ComfyUI's levels with its convention", async () => {
    const folder = await readModelFolder(fixtureModel("sd1"));
    const settings = (given: object) => settle(parseRequest({ prompt: "a", ...given }), folder);
    const given = { sampler: "dpmpp_2m_sde", samplerOptions: { s_noise: 1.1, solver_type: "heun" } };
    expect(settings(given).samplerOptions).toEqual({ sNoise: 1.1, solver: "heun" });
    const options = (convention: string) => settings({ sampler: "uni_pc", noise: { convention } }).plan.options;
    expect(options("comfyui")).toEqual({ asComfy: true });
    expect(options("diffusers")).toEqual({});
    const beta = (alpha: number) =>
      Array.from(settings({ sampler: "euler", scheduler: "beta", schedulerOptions: { alpha } }).grid.sigmas);
    expect(beta(2)).not.toEqual(beta(0.6));
  });
});
