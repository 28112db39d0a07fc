import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { difference } from "../testing/single-file.ts";
import { copyFixture, fixture, recordedTensor } from "../testing/test-model.ts";

// Whole pictures against diffusers' pipelines, made from saved folders (tools/oracle/families.py and flow_families.py), through the public API.
interface Case {
  name: string;
  request: GenerationInput & { count: number; steps: number };
  /** The folder's files that are edited for it. */
  files?: Record<string, unknown>;
  /** Reference pictures, by their names among the inputs. */
  references?: readonly PictureName[];
  /** The model that draws the first part of the steps. */
  base?: string;
  at?: number;
}

const models = [
  ...["sdxl", "sdxl-refiner", "sdxl-inpaint", "sdxl-instruct", "sd1-inpaint", "sd1-instruct", "sd1-lcm"],
  ...[
    "z-image",
    "flux2",
    "flux1",
    "flux1-fill",
    "stable-diffusion-3",
    "qwen-image",
    "qwen-image-edit",
    "qwen-image-21",
    "krea2",
    "flux3",
    "chroma",
    "pixart-sigma",
    "lumina2",
    "auraflow",
    "sana",
  ],
];

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const inputs = fixture("pipelines/sd1-inputs.safetensors");
type PictureName = "image" | "image96" | "mask" | "wide" | "glass";
const picture = async (name: PictureName) => {
  // Of the larger picture the upper half.
  if (name === "wide") {
    const data = (await recordedTensor(inputs, "image96")).subarray(0, 3 * 96 * 48);
    return encodeImage({ width: 96, height: 48, channels: 3, data }, "png");
  }
  // The clearer the further left.
  if (name === "glass") {
    const colours = await recordedTensor(inputs, "image");
    const data = Uint8Array.from({ length: 4 * 64 * 64 }, (_, i) =>
      i % 4 === 3 ? 4 * ((i >> 2) % 64) : colours[3 * (i >> 2) + (i % 4)]!,
    );
    return encodeImage({ width: 64, height: 64, channels: 4, data }, "png");
  }
  const side = name === "image96" ? 96 : 64;
  return encodeImage({ width: side, height: side, channels: 3, data: await recordedTensor(inputs, name) }, "png");
};
const referenceTo = async (name: PictureName) => ({ kind: "reference", image: await picture(name) }) as const;

for (const model of models) {
  const folder = fixture(`families/${model}`);
  const cases = JSON.parse(await readFile(`${folder}.json`, "utf8")) as Case[];
  describe(`${model} makes diffusers' pictures`, () => {
    test.each(cases)("$name", async ({ name, request, files, base, at, references = [] }) => {
      const path = files === undefined ? folder : await copyFixture(`families/${model}`, files);
      const client = createClient({ backend });
      const conditioning = await Promise.all(references.map(referenceTo));
      const asked = { ...request, ...(await inputsOf(request)), model: path, conditioning } as GenerationInput;
      const second = base === undefined ? asked : await afterBase(asked as never, fixture(`families/${base}`), at!);
      const { images } = await client.generate(second);
      expect(images).toHaveLength(request.count);
      const expected = await recordedTensor(`${folder}.safetensors`, name);
      const size = expected.length / images.length;
      for (const [i, image] of images.entries()) {
        const { data } = await image.pixels();
        const { mean, max } = difference(data, expected.subarray(i * size, (i + 1) * size));
        expect(mean, `image ${i}`).toBeLessThan(0.5);
        expect(max, `image ${i}`).toBeLessThanOrEqual(8);
      }
    });

    test("no two cases have the same picture", async () => {
      const pictures = await Promise.all(cases.map(({ name }) => recordedTensor(`${folder}.safetensors`, name)));
      for (const [i, a] of pictures.entries()) {
        for (const b of pictures.slice(i + 1))
          if (a.length === b.length) expect(difference(a, b).mean).toBeGreaterThan(1);
      }
    });
  });

  /** The base model's latent after its part of the steps, for the refiner to go on with. */
  async function afterBase(
    request: { prompt: string; steps: number; image?: unknown },
    baseModel: string,
    share: number,
  ) {
    const { prompt, steps, image: _, ...rest } = request;
    const common = { ...rest, prompt, steps, task: "text-to-image" as const };
    const endStep = Math.round(steps * share);
    const first = await createClient({ backend }).generate({
      ...common,
      model: baseModel,
      endStep,
      output: { latent: true },
    });
    const { data, shape } = first.images[0]!.latent!;
    return { ...common, startStep: endStep, latent: { data, shape: [...shape] } } as GenerationInput;
  }
}

async function inputsOf({ task }: GenerationInput) {
  if (task === "inpaint") return { image: await picture("image"), mask: await picture("mask"), keepUnmasked: false };
  return task === "image-to-image" ? { image: await picture("image") } : {};
}

test("the scale of guidance by default is that of the pipeline that a model is saved as", async () => {
  const folder = fixture("families/sd1-lcm");
  const index = JSON.parse(await readFile(`${folder}/model_index.json`, "utf8"));
  const plain = await copyFixture("families/sd1-lcm", {
    "model_index.json": { ...index, _class_name: "StableDiffusionPipeline" },
  });
  expect((await backend.capabilities(folder)).defaults).toMatchObject({ guidanceScale: 8.5 });
  expect((await backend.capabilities(plain)).defaults).toMatchObject({ guidanceScale: 7.5 });
});
