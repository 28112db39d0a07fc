import { createClient, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "./local.ts";
import type { LocalBackend } from "./local-backend.ts";
import { copyModel, fixtureModel } from "./test-model.ts";

// A part of the steps, and latents in and out, through the engine.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

const generate = (request: object) => createClient({ backend }).generate(request as GenerationInput);
const request = { prompt: "a red apple", steps: 6, seed: 3, guidanceScale: 5, width: 64, height: 64 };
const data = async (job: ReturnType<typeof generate>) => (await (await job).images[0]!.pixels()).data;

describe("two requests make one picture, to the bit", () => {
  const own = {};
  test.each([
    ["the model's own DDIM", own],
    ["euler", { sampler: "euler", scheduler: "karras" }],
    ["heun", { sampler: "heun", scheduler: "exponential" }],
    ["dpm_2", { sampler: "dpm_2", scheduler: "normal" }],
    ["euler over own sigmas", { sampler: "euler", sigmas: [14, 8, 4, 2, 1, 0.3, 0], steps: undefined }],
  ])("%s", async (_name, choice) => {
    const whole = { ...request, ...choice };
    const first = await generate({ ...whole, endStep: 4, output: { latent: true } });
    const { latent } = first.images[0]!;
    expect(latent!.shape).toEqual([4, 8, 8]);
    const rest = generate({ ...whole, width: undefined, height: undefined, startStep: 4, latent: latent!.bytes() });
    expect(await data(rest)).toEqual(await data(generate(whole)));
    expect(await first.images[0]!.pixels()).not.toEqual(await (await rest).images[0]!.pixels());
  });
});
