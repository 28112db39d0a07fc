import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { fixtureModel, schedulerOf } from "../testing/test-model.ts";

// Many schedulers in each task, several images at a time, and levels of one's own: tools/oracle/pipeline_schedulers.py.
interface Case {
  name: string;
  request: Partial<GenerationInput> & { count: number };
  scheduler: Record<string, unknown>;
}

const oracle = `${fixtureModel("sd1")}-schedulers`;
const { common, cases } = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as {
  common: Partial<GenerationInput>;
  cases: Case[];
};
const { tensors } = await readSafetensors(`${oracle}.safetensors`);
const bytes = await readFile(`${oracle}.safetensors`);
const side = 32;

let backend: LocalBackend;
let folders: string;
beforeAll(async () => {
  backend = local({ threads: 1 });
  folders = await mkdtemp(join(tmpdir(), "latentkit-schedulers-"));
});
afterAll(async () => {
  await backend.dispose();
  await rm(folders, { recursive: true });
});

/** One copy of the model for each scheduler, so that the engine loads it once for all tasks. */
const models = new Map<string, Promise<string>>();
function modelOf(scheduler: Record<string, unknown>): Promise<string> {
  const config = JSON.stringify(scheduler);
  const copy = async () => {
    const folder = join(folders, String(models.size));
    await cp(fixtureModel("sd1"), folder, { recursive: true });
    for (const [file, content] of Object.entries(await schedulerOf("sd1", scheduler)))
      await writeFile(join(folder, file), JSON.stringify(content));
    return folder;
  };
  if (!models.has(config)) models.set(config, copy());
  return models.get(config)!;
}

function recorded(name: string): Uint8Array {
  const { offset, length } = tensors.get(name)!;
  return bytes.subarray(offset, offset + length);
}

function picture(name: "image" | "mask"): Promise<Uint8Array> {
  return encodeImage({ width: side, height: side, channels: 3, data: recorded(name) }, "png");
}

async function requestOf({ request, scheduler }: Case): Promise<GenerationInput> {
  const model = await modelOf(scheduler);
  const image = request.task === "text-to-image" ? {} : { image: await picture("image") };
  const mask = request.task === "inpaint" ? { mask: await picture("mask"), keepUnmasked: false } : {};
  return { ...common, ...request, ...image, ...mask, model } as GenerationInput;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe("diffusers' pictures", () => {
  test.each(cases)("$name", async (entry) => {
    const { images } = await createClient({ backend }).generate(await requestOf(entry));
    expect(images).toHaveLength(entry.request.count);
    const expected = recorded(entry.name);
    const each = expected.length / images.length;
    for (const [i, image] of images.entries()) {
      const { data } = await image.pixels();
      expect(data).toHaveLength(each);
      expect(meanDifference(data, expected.subarray(i * each, (i + 1) * each)), `image ${i}`).toBeLessThan(0.05);
    }
  });
});

test("each picture's own recipe makes it again alone, from the picture's latent that all of them have", async () => {
  const client = createClient({ backend });
  const entry = cases.find(({ name }) => name === "euler-ancestral inpaint whole")!;
  const asked = { ...(await requestOf(entry)), output: { embedInputs: true } } as GenerationInput;
  const { images } = await client.generate(asked);
  expect(images).toHaveLength(3);
  for (const [index, image] of images.entries()) {
    const { request } = image.recipe;
    expect(request).toMatchObject({ count: 1, seed: 7 + index, noise: { batch: { index, size: 3 } } });
    const again = await client.generate(image.recipe);
    expect((await again.images[0]!.pixels()).data, `image ${index}`).toEqual((await image.pixels()).data);
  }
});

test("each picture's own recipe makes it again alone, with its part of the tree that all of them share", async () => {
  const client = createClient({ backend });
  const { images } = await client.generate(
    await requestOf(cases.find(({ name }) => name === "dpm-sde text-to-image")!),
  );
  for (const [index, image] of images.entries()) {
    expect(image.recipe.request).toMatchObject({ count: 1, seed: 7 + index, noise: { batch: { index, size: 2 } } });
    const again = await client.generate(image.recipe);
    expect((await again.images[0]!.pixels()).data, `image ${index}`).toEqual((await image.pixels()).data);
  }
});

describe("levels of one's own that diffusers' class does not take", () => {
  const scheduler = {
    _class_name: "DDIMScheduler",
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    thresholding: true,
  };
  async function pixelsOf(levels: Partial<GenerationInput>, config: Record<string, unknown> = scheduler) {
    const request = { ...common, ...levels, task: "text-to-image", model: await modelOf(config) } as GenerationInput;
    const { images } = await createClient({ backend }).generate(request);
    return (await images[0]!.pixels()).data;
  }

  test("leave the config's other options as they are", async () => {
    const timesteps = [751, 501, 251, 1];
    const given = await pixelsOf({ timesteps });
    expect(meanDifference(given, await pixelsOf({ steps: 4 }))).toBeLessThan(0.05);
    expect(meanDifference(given, await pixelsOf({ timesteps }, { ...scheduler, thresholding: false }))).toBeGreaterThan(
      5,
    );
  });

  test("are refused where only the class knows its levels", async () => {
    const flow = {
      _class_name: "DPMSolverMultistepScheduler",
      use_flow_sigmas: true,
      prediction_type: "flow_prediction",
    };
    await expect(pixelsOf({ timesteps: [900, 500] }, flow)).rejects.toMatchObject({
      code: "invalid_request",
      issues: [{ field: "timesteps" }],
    });
  });
});
