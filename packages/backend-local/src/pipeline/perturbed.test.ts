import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { copyModel, fixtureModel, schedulerOf } from "../testing/test-model.ts";

// Perturbed-attention guidance against diffusers' pipelines: tools/oracle/perturbed_attention.py.
interface Case {
  name: string;
  model: string;
  request: GenerationInput & { count: number };
  scheduler?: Record<string, unknown>;
}

const oracle = fixtureModel("perturbed");
const cases = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as Case[];

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

async function generate(request: GenerationInput, model?: string) {
  return createClient({ backend }).generate({ ...request, ...(model === undefined ? {} : { model }) });
}

async function bytesOf(request: GenerationInput, model?: string): Promise<Uint8Array> {
  return (await (await generate(request, model)).images[0]!.pixels()).data;
}

async function recorded(file: string, name: string): Promise<Uint8Array> {
  const { offset, length } = (await readSafetensors(`${file}.safetensors`)).tensors.get(name)!;
  return (await readFile(`${file}.safetensors`)).subarray(offset, offset + length);
}

async function picture(name: "image" | "mask"): Promise<Uint8Array> {
  const data = await recorded(fixtureModel("sd1-inputs"), name);
  return encodeImage({ width: 64, height: 64, channels: 3, data }, "png");
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe("diffusers' pictures with perturbed attention", () => {
  test.each(cases)("$name", async ({ name, model, request, scheduler }) => {
    const path =
      scheduler === undefined ? fixtureModel(model) : await copyModel(model, await schedulerOf(model, scheduler));
    const inputs = {
      ...(request.task === "text-to-image" ? {} : { image: await picture("image") }),
      ...(request.task === "inpaint" ? { mask: await picture("mask"), keepUnmasked: false } : {}),
    };
    const { images } = await generate({ ...request, ...inputs } as GenerationInput, path);
    expect(images).toHaveLength(request.count);
    const expected = await recorded(oracle, name);
    const each = expected.length / images.length;
    for (const [i, image] of images.entries()) {
      const { data } = await image.pixels();
      expect(data).toHaveLength(each);
      expect(meanDifference(data, expected.subarray(i * each, (i + 1) * each)), `image ${i}`).toBeLessThan(1);
    }
  });
});

describe("the embedded model", () => {
  const apple = { prompt: "a red apple on a blue background", seed: 7, steps: 6 } as const;

  test("draws another picture with perturbed attention, and the plain one's bytes at scale 0", async () => {
    const plain = await bytesOf(apple);
    expect(meanDifference(await bytesOf({ ...apple, guidance: { pagScale: 3 } }), plain)).toBeGreaterThan(0.5);
    expect(await bytesOf({ ...apple, guidance: { pagScale: 0, pagLayers: ["up"] } })).toEqual(plain);
  });

  test("its recipe names the layers, and makes the same picture again", async () => {
    const { images, recipe } = await generate({ ...apple, guidance: { pagScale: 3, end: 0.8 } });
    expect(recipe.request.guidance).toEqual({
      mode: "cfg",
      rescale: 0,
      start: 0,
      end: 0.8,
      pagScale: 3,
      pagLayers: ["mid"],
    });
    const again = await createClient({ backend }).generate(images[0]!.recipe);
    expect(await again.images[0]!.bytes("png")).toEqual(await images[0]!.bytes("png"));
  });
});

describe("with the rest", () => {
  const model = fixtureModel("sd1");
  const request = { prompt: "a red apple", seed: 3, steps: 4, guidanceScale: 5 } as const;
  const layers = { pagLayers: ["down", "mid", "up"] };
  const own = { ...request, guidance: { pagScale: 4, ...layers } };

  const acts: NonNullable<GenerationInput["guidance"]>[] = [
    { start: 0.5 },
    { end: 0.5 },
    { scales: [5, 1, 1, 5] },
    { mode: "apg", apgMomentum: -0.5 },
    { mode: "cfg-zero-star" },
    { rescale: 0.7 },
    { pagAdaptiveScale: 0.004 },
    { pagLayers: ["mid"] },
    { pagLayers: ["down.block_0", "up_blocks\\.1\\..*0\\.attn1$"] },
  ];
  test.each(acts)("%j acts beside it, and it beside that", async (guidance) => {
    const both = await bytesOf({ ...own, guidance: { ...own.guidance, ...guidance } }, model);
    expect(both).not.toEqual(await bytesOf(own, model));
    const { pagLayers: _, pagAdaptiveScale: __, ...alone } = guidance;
    expect(both).not.toEqual(await bytesOf({ ...request, guidance: alone }, model));
  });

  test.each(["euler_cfg_pp", "dpmpp_2m_cfg_pp", "euler_ancestral", "dpmpp_sde", "er_sde", "lcm"])(
    "sampler %s goes with it",
    async (sampler) => {
      const base = { ...request, guidanceScale: sampler.endsWith("_cfg_pp") ? 0.6 : 5, sampler };
      const drawn = await bytesOf({ ...base, guidance: { pagScale: 3, ...layers } }, model);
      expect(drawn).not.toEqual(await bytesOf(base, model));
      expect(drawn).toEqual(await bytesOf({ ...base, guidance: { pagScale: 3, ...layers } }, model));
    },
  );

  test("an interval without a step in it is none: the plain network's bytes", async () => {
    const guidance = { pagScale: 4, ...layers, start: 1, end: 1 };
    expect(await bytesOf({ ...request, guidance }, model)).toEqual(
      await bytesOf({ ...request, guidance: { start: 1, end: 1 } }, model),
    );
  });

  test("previews come, and each of several pictures is what it is alone", async () => {
    const job = createClient({ backend }).generate({ ...own, model, count: 2, previewEvery: 2 });
    const previews: number[] = [];
    job.on("preview", ({ index }) => previews.push(index));
    const { images } = await job;
    expect(previews).toEqual([0, 1]);
    expect((await images[1]!.pixels()).data).toEqual(await bytesOf({ ...own, seed: 4 }, model));
  });

  test("a cancel ends it between two steps", async () => {
    const job = createClient({ backend }).generate({ ...own, model, steps: 500 });
    job.on("progress", ({ phase, step }) => {
      if (phase === "sample" && step === 2) job.cancel();
    });
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    expect(await bytesOf(own, model)).toHaveLength(64 * 64 * 3);
  });
});
