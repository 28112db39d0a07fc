import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { readModel } from "../models/read-model.ts";
import { difference } from "../testing/single-file.ts";
import { copyFixture, fixture, recordedTensor } from "../testing/test-model.ts";

// Pictures of families without Stable Diffusion's parts against diffusers' pipelines, made from saved folders
// (tools/oracle/more_families.py), through the public API.
interface Case {
  name: string;
  request: GenerationInput & { count: number };
  files?: Record<string, unknown>;
}

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const models = ["ddpm", "ddpm-grey", "ddim", "consistency", "x4-upscaler"];
for (const model of models) {
  const folder = fixture(`families/${model}`);
  const cases = JSON.parse(await readFile(`${folder}.json`, "utf8")) as Case[];
  describe(`${model} makes diffusers' pictures`, () => {
    test.each(cases)("$name", async ({ name, request, files }) => {
      const path = files === undefined ? folder : await copyFixture(`families/${model}`, files);
      const asked = { ...request, ...(await inputsOf(request, folder)), model: path } as GenerationInput;
      const { images } = await createClient({ backend }).generate(asked);
      expect(images).toHaveLength(request.count);
      const expected = await recordedTensor(`${folder}.safetensors`, name);
      const size = expected.length / images.length;
      for (const [i, image] of images.entries()) {
        const { data } = await image.pixels();
        const apart = difference(data, expected.subarray(i * size, (i + 1) * size));
        expect(apart.mean, `image ${i}`).toBeLessThan(0.5);
        expect(apart.max, `image ${i}`).toBeLessThanOrEqual(8);
      }
    });

    test("no two cases have the same picture", async () => {
      const pictures = await Promise.all(cases.map(({ name }) => recordedTensor(`${folder}.safetensors`, name)));
      for (const [i, a] of pictures.entries()) {
        for (const b of pictures.slice(i + 1)) {
          if (a.length === b.length) expect(difference(a, b).mean).toBeGreaterThan(1);
        }
      }
    });
  });
}

async function inputsOf({ task }: GenerationInput, folder: string): Promise<object> {
  if (task !== "upscale") return {};
  const data = await recordedTensor(`${folder}.safetensors`, "input");
  return { image: await encodeImage({ width: 12, height: 32, channels: 3, data }, "png") };
}

const ddpm = fixture("families/ddpm");
const unet = JSON.parse(await readFile(`${ddpm}/unet/config.json`, "utf8"));
const index = JSON.parse(await readFile(`${ddpm}/model_index.json`, "utf8"));

describe("unconditional models", () => {
  test("tell their size, their steps and their one task", async () => {
    const { traits } = await readModel(ddpm);
    expect(traits).toMatchObject({ tasks: ["unconditional"], defaultWidth: 16, multipleOf: 2, steps: 1000 });
    const client = createClient({ backend });
    await expect(client.generate({ prompt: "a cat", model: ddpm })).rejects.toThrow(/text-to-image|task/);
    const guided = { task: "unconditional", guidanceScale: 3, steps: 2, model: ddpm } as const;
    await expect(client.generate(guided)).rejects.toThrow(/guidanceScale: must be 1/);
  });

  test("a recipe makes the same picture again", async () => {
    const client = createClient({ backend });
    const first = await client.generate({ task: "unconditional", model: ddpm, steps: 3 });
    const second = await client.generate(first.recipe);
    expect((await second.images[0]!.pixels()).data).toEqual((await first.images[0]!.pixels()).data);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      "Karras-VE",
      { "model_index.json": { ...index, _class_name: "KarrasVePipeline" } },
      /"KarrasVePipeline"; supported: .*DDPM/,
    ],
    ["score-VE", { "model_index.json": { ...index, _class_name: "ScoreSdeVePipeline" } }, /"ScoreSdeVePipeline"/],
    [
      "a score scheduler",
      { "model_index.json": { ...index, scheduler: ["diffusers", "ScoreSdeVeScheduler"] } },
      /ScoreSdeVeScheduler/,
    ],
    [
      "skip blocks",
      { "unet/config.json": { ...unet, down_block_types: ["SkipDownBlock2D", "AttnSkipDownBlock2D"] } },
      /SkipDownBlock2D/,
    ],
    [
      "classes",
      { "unet/config.json": { ...unet, class_embed_type: "timestep" } },
      /class_embed_type timestep needs an input/,
    ],
    ["a learned variance", { "unet/config.json": { ...unet, out_channels: 6 } }, /learn a variance/],
  ])("%s is refused by name", async (_, files, message) => {
    await expect(readModel(await copyFixture("families/ddpm", files))).rejects.toThrow(message);
  });
});

describe("the upscaler", () => {
  const model = fixture("families/x4-upscaler");
  const upscale = { task: "upscale", prompt: "a red apple", scale: 4, steps: 2, seed: 1, model } as const;

  test("makes four times the picture, with and without a prompt", async () => {
    const client = createClient({ backend });
    const input = await inputsOf({ task: "upscale" } as GenerationInput, model);
    // Four times is what it does where the request says no more than its task.
    const { scale: _, ...silent } = upscale;
    for (const asked of [upscale, { ...upscale, prompt: undefined }, silent]) {
      const { images, recipe } = await client.generate({ ...asked, ...input } as GenerationInput);
      expect(recipe.request).toMatchObject({ scale: 4 });
      expect(await images[0]!.pixels()).toMatchObject({ width: 48, height: 128 });
    }
  });

  test.each([
    [{ scale: 2 }, /scale: 2 is not possible here: must be 4$/],
    [{ width: 64 }, /width: must be 48, 4 times the picture's/],
    [{ backendOptions: { local: { noiseLevel: 400 } } }, /noiseLevel: must be at most 350/],
    [{ backendOptions: { local: { noiseLevel: -1 } } }, /noiseLevel/],
    [{ backendOptions: { local: { noise: 1 } } }, /noise: is not known: .* takes noiseLevel/],
  ])("%j is refused", async (fields, message) => {
    const input = await inputsOf({ task: "upscale" } as GenerationInput, model);
    const asked = { ...upscale, ...input, ...fields } as GenerationInput;
    await expect(createClient({ backend }).generate(asked)).rejects.toThrow(message);
  });
});

test.each([[undefined], [5]])("a class that there is none of (%s) is refused by its field", async (classLabel) => {
  const job = createClient({ backend }).generate({
    task: "unconditional",
    model: fixture("families/consistency"),
    ...(classLabel === undefined ? {} : { classLabel }),
  });
  await expect(job).rejects.toMatchObject({ issues: [{ field: "classLabel", allowed: { min: 0, max: 4 } }] });
});
