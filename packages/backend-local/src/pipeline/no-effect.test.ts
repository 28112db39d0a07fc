import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import { readModel } from "../models/read-model.ts";
import { copyFixture, fixture, fixtureModel } from "../testing/test-model.ts";

// What a family can't do with a field is said, and never passed over.
const backend = local({ threads: 1 });
const client = createClient({ backend });
afterAll(() => backend.dispose());

const image = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) }, "png");
const latent = { data: new Float32Array(4 * 8 * 8), shape: [4, 8, 8] };

describe("where sampling begins with noise alone", () => {
  test.each<[string, GenerationInput, string]>([
    ["sd1-instruct", { task: "image-to-image", prompt: "red", latent }, "latent"],
    ["sdxl-instruct", { task: "image-to-image", prompt: "red", image, startStep: 1 }, "startStep"],
    ["x4-upscaler", { task: "upscale", scale: 4, image, startStep: 1 }, "startStep"],
    ["ddim", { task: "unconditional", startStep: 1 }, "startStep"],
  ])("%s: %j is refused", async (name, request, field) => {
    const job = client.generate({ ...request, steps: 2, model: fixture(`families/${name}`) });
    const events: string[] = [];
    job.on("event", ({ type }) => events.push(type));
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    expect(events).toEqual([]);
  });
});

test.each([
  ["families/sdxl", "a1111", ["clipSkip"]],
  ["families/sdxl", "plain", []],
  ["pipelines/sd1", "a1111", []],
] as const)("clip skip of %s in the syntax %s: warnings %j", async (name, promptSyntax, fields) => {
  const request = { prompt: "red", promptSyntax, clipSkip: 2, steps: 1, width: 32, height: 32 } as const;
  const { warnings } = await client.generate({ ...request, model: fixture(name) });
  expect(warnings.filter(({ code }) => code === "unsupported").map(({ field }) => field)).toEqual(fields);
});

test.each([
  ["sdxl", { aestheticScore: 3 }, ["backendOptions.local.aestheticScore"]],
  ["sdxl-refiner", { aestheticScore: 3 }, []],
  ["sdxl-refiner", { targetSize: { width: 32, height: 32 } }, ["backendOptions.local.targetSize"]],
] as const)("%s with %j: warnings %j", async (name, own, fields) => {
  const request = { prompt: "red", steps: 1, backendOptions: { local: own } };
  const { warnings } = await client.generate({ ...request, model: fixture(`families/${name}`) });
  expect(warnings.map(({ field }) => field)).toEqual(fields);
});

describe("the option prediction with a folder", () => {
  test("acts on its scheduler, and makes it another model", async () => {
    const folder = fixtureModel("sd1");
    const [own, same, other] = await Promise.all(
      ([undefined, "epsilon", "v_prediction"] as const).map((prediction) => readModel(folder, { prediction })),
    );
    expect(same!.identity).toEqual(own!.identity);
    expect(other!.scheduler).toEqual({ ...own!.scheduler, prediction_type: "v_prediction" });
    expect(other!.identity.hash).not.toBe(own!.identity.hash);
  });

  test("is refused where the scheduler's class has no such prediction", async () => {
    const flow = { _class_name: "FlowMatchEulerDiscreteScheduler" };
    const index = {
      _class_name: "DDPMPipeline",
      unet: ["diffusers", "UNet2DModel"],
      scheduler: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    };
    const files = { "scheduler/scheduler_config.json": flow, "model_index.json": index };
    const folder = await copyFixture("families/ddpm", files);
    await expect(readModel(folder, { prediction: "v_prediction" })).rejects.toMatchObject({
      code: "model",
      details: { option: "prediction" },
    });
  });
});
