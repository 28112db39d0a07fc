import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRequest } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { resolved, settle } from "../pipeline/settings.ts";
import { copyModel, fixtureModel } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { readModelFolder } from "./model-folder.ts";
import { ModelLibrary } from "./model-library.ts";

const wanted = { steps: 12, guidanceScale: 3, sampler: "euler_ancestral", scheduler: "karras" };

async function choices(folder: string, request: Record<string, unknown> = {}) {
  const { steps, guidanceScale, sampler, scheduler } = resolved(
    settle(parseRequest({ prompt: "a red apple", ...request }), await readModelFolder(folder)),
  );
  return { steps, guidanceScale, sampler, scheduler };
}

describe("a model's latentkit.json", () => {
  test("stands where the request is silent", async () => {
    const folder = await copyModel("sd1", { "latentkit.json": { defaults: wanted } });
    expect(await choices(folder)).toEqual(wanted);
    expect(await choices(folder, { steps: 4, guidanceScale: 1 })).toEqual({ ...wanted, steps: 4, guidanceScale: 1 });
    expect(await choices(folder, { sampler: "euler" })).toEqual({ ...wanted, sampler: "euler" });
    expect(await choices(folder, { scheduler: "simple" })).toEqual({ ...wanted, scheduler: "simple" });
    expect(await inspectModel(folder)).toMatchObject({ defaults: wanted });
  });

  test('asking for the model\'s own scheduler_config.json ("diffusers") goes before it', async () => {
    const folder = await copyModel("sd1", { "latentkit.json": { defaults: wanted } });
    expect(await choices(folder, { scheduler: "diffusers" })).toMatchObject({
      sampler: "ddim",
      scheduler: "diffusers",
    });
  });

  test("may leave anything out, or be absent", async () => {
    const usual = { steps: 20, guidanceScale: 7.5, sampler: "ddim", scheduler: "diffusers" };
    expect(await choices(fixtureModel("sd1"))).toEqual(usual);
    expect(await choices(await copyModel("sd1", { "latentkit.json": {} }))).toEqual(usual);
    const folder = await copyModel("sd1", { "latentkit.json": { defaults: { steps: 30 } } });
    expect(await choices(folder)).toEqual({ ...usual, steps: 30 });
  });

  test("limits the levels of a scheduler that a request names, and no others", async () => {
    const folder = await copyModel("sd1", { "latentkit.json": { defaults: { sigmaMax: 5 } } });
    const [model, plain] = await Promise.all([readModelFolder(folder), readModelFolder(fixtureModel("sd1"))]);
    const grid = (request: Record<string, unknown>, of = model) =>
      settle(parseRequest({ prompt: "a red apple", steps: 4, ...request }), of).grid;
    const top = (request: Record<string, unknown>, of = model) => grid(request, of).sigmas[0]!;
    expect(top({})).toBe(top({}, plain));
    expect(top({ scheduler: "karras" }, plain)).toBeGreaterThan(10);
    for (const scheduler of ["normal", "karras", "sgm_uniform", "simple", "beta"]) {
      expect(top({ scheduler }), scheduler).toBeLessThanOrEqual(5);
      expect(top({ scheduler }), scheduler).toBeGreaterThan(4);
    }
    for (const schedulerOptions of [{ sigma_max: 9 }, { sigmaMax: 9 }]) {
      const asked = { scheduler: "karras", schedulerOptions };
      expect(top(asked)).toBeCloseTo(9, 4);
      // The network is told the timesteps of those levels, not the limit's.
      expect(grid(asked).timesteps).toEqual(grid(asked, plain).timesteps);
    }
    expect(top({ steps: undefined, sigmas: [12, 3, 0] })).toBe(12);
  });

  test("is part of the model's hash, and its coming and going is noticed", async () => {
    const folder = await copyModel("sd1");
    const library = new ModelLibrary({ model: folder });
    const plain = await library.find(undefined);
    expect(await library.find(undefined)).toBe(plain);
    await writeFile(join(folder, "latentkit.json"), JSON.stringify({ defaults: wanted }));
    const stated = await library.find(undefined);
    expect(stated.defaults).toEqual(wanted);
    expect(stated.identity.hash).not.toBe(plain.identity.hash);
    await rm(join(folder, "latentkit.json"));
    expect((await library.find(undefined)).identity).toEqual(plain.identity);
  });

  test.each([
    [{ defaults: { steps: 0 } }, "defaults.steps"],
    [{ defaults: { steps: 1.5 } }, "defaults.steps"],
    [{ defaults: { guidanceScale: "7" } }, "defaults.guidanceScale"],
    [{ defaults: { sampler: "constructor" } }, "defaults.sampler"],
    [{ defaults: { scheduler: "diffusers" } }, "defaults.scheduler"],
    [{ defaults: { sigmaMax: 0 } }, "defaults.sigmaMax"],
    [{ defaults: { stepss: 3 } }, "defaults.stepss"],
    [{ default: {} }, "default"],
    [{ defaults: [] }, "defaults"],
  ])("%j is refused by its option", async (json, option) => {
    const folder = await copyModel("sd1", { "latentkit.json": json });
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining(`latentkit.json: ${option}: `),
      details: { file: join(folder, "latentkit.json"), option },
    });
  });
});
