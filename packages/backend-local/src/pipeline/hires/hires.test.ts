import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../files/safetensors.ts";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor } from "../../testing/test-model.ts";

// Second passes against diffusers' pipelines, run one after the other: tools/oracle/hires.py, through the public API.
interface Case {
  name: string;
  model: "sd1" | "sdxl";
  task: "text-to-image" | "image-to-image" | "inpaint";
  steps: number;
  hires: { scale: number; strength: number; steps: number; upscaler: string; sampler?: string; scheduler?: string };
}

const folder = fixture("hires");
const file = join(folder, "images.safetensors");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const models = { sd1: fixture("pipelines/sd1"), sdxl: fixture("families/sdxl") };
const network = join(fixture("upscalers"), "compact-x2.safetensors");
const { tensors } = await readSafetensors(file);
async function png(name: string) {
  const [height = 0, width = 0] = tensors.get(name)!.shape;
  return encodeImage({ width, height, channels: 3, data: await recordedTensor(file, name) }, "png");
}
const [image, mask] = [await png("image"), await png("mask")];
const inputs = {
  "text-to-image": { width: 64, height: 64 },
  "image-to-image": { image, strength: 0.8 },
  inpaint: { image, mask, strength: 0.9, keepUnmasked: false },
};

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const common = { prompt: "a red apple on a blue background", negativePrompt: "blurry", guidanceScale: 5, seed: 3 };
const generate = (fields: object) =>
  createClient({ backend }).generate({ ...common, model: models.sd1, ...fields } as GenerationInput);

describe("a second pass's picture is diffusers'", () => {
  test.each(cases)("$name", async ({ name, model, task, steps, hires }) => {
    const upscaler = hires.upscaler === "network" ? network : hires.upscaler;
    const fields = { task, model: models[model], ...inputs[task], steps, hires: { ...hires, upscaler } };
    const { images } = await generate(fields);
    const drawn = await images[0]!.pixels();
    const [height, width] = tensors.get(name)!.shape;
    expect(drawn).toMatchObject({ width, height });
    const { mean, max } = difference(drawn.data, await recordedTensor(file, name));
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
    const still = await generate({ ...fields, hires: { ...hires, upscaler, strength: 0 } });
    expect(difference(drawn.data, (await still.images[0]!.pixels()).data).mean, "it does something").toBeGreaterThan(2);
  });
});

test("each of several pictures has its own second pass, the recipe makes each again, and progress never falls", async () => {
  const seen: number[] = [];
  const job = generate({ ...inputs["text-to-image"], steps: 3, count: 2, hires: { scale: 1.5 }, previewEvery: 1 });
  const phases = new Set<string>();
  job.on("progress", ({ phase, fraction }) => {
    phases.add(phase);
    if (fraction !== undefined) seen.push(fraction);
  });
  const { images, recipe } = await job;
  expect([...phases]).toEqual(["load", "encode", "sample", "hires", "decode"]);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(1);
  expect(recipe.request.hires).toEqual({ scale: 1.5, strength: 0.5, steps: 3, upscaler: "bilinear" });
  const [first, second] = await Promise.all(images.map((each) => each.pixels()));
  expect(difference(first!.data, second!.data).mean).toBeGreaterThan(1);
  const alone = await createClient({ backend }).generate(images[1]!.recipe!);
  expect(difference((await alone.images[0]!.pixels()).data, second!.data).max).toBe(0);
});

test("a control and a LoRA act in both passes, and a latent may be given and taken", async () => {
  const conditioning = [
    { kind: "control", control: "canny", image, model: join(fixture("controls"), "sd1-a"), strength: 0.8 },
  ];
  const loras = [{ model: join(fixture("loras"), "kohya.safetensors") }];
  const fields = { ...inputs["text-to-image"], steps: 3, hires: { scale: 1.5, upscaler: "nearest" } };
  const plain = await generate({ ...fields, output: { latent: true } });
  expect(plain.images[0]!.latent?.shape).toEqual([4, 12, 12]);
  const drawn = (await plain.images[0]!.pixels()).data;
  for (const more of [{ conditioning }, { loras }, { conditioning, loras }]) {
    const { images } = await generate({ ...fields, ...more });
    expect(difference((await images[0]!.pixels()).data, drawn).mean).toBeGreaterThan(1);
  }
});

describe("what can't be done is refused by its field", () => {
  test.each([
    [{ scale: 2, upscaler: "/nowhere.safetensors" }, "hires.upscaler", /no model/],
    [{ scale: 2, upscaler: models.sd1 }, "hires.upscaler", /model of its own/],
    [{ scale: 2, sampler: "eulr" }, "hires.sampler", /euler/],
    [{ scale: 2, sampler: "euler", scheduler: "diffusers" }, "hires.scheduler", /own/],
    [{ scale: 8, steps: 0 }, "hires.steps", /1/],
  ])("%o", async (hires, field, message) => {
    const job = generate({ ...inputs["text-to-image"], hires });
    await expect(job).rejects.toMatchObject({ issues: [{ field }] });
    await expect(job).rejects.toThrow(message);
  });

  test("a size beyond the model's", async () => {
    const job = generate({ width: 1024, height: 1024, hires: { scale: 5 } });
    await expect(job).rejects.toMatchObject({ issues: [{ field: "hires.scale" }] });
  });

  test("by a model that begins with noise alone", async () => {
    const job = generate({
      task: "image-to-image",
      image,
      model: fixture("families/sd1-instruct"),
      hires: { scale: 2 },
    });
    await expect(job).rejects.toMatchObject({ issues: [{ field: "hires" }] });
  });
});
