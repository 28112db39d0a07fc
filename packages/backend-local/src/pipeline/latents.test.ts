import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, InvalidRequestError } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { toFloat32 } from "../files/to-float32.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { copyModel, fixtureModel, schedulerOf, temporaryFolder } from "../testing/test-model.ts";

// A part of the steps, and latents in and out, through the engine. diffusers' are of tools/oracle/pipeline_latents.py.
interface Case {
  name: string;
  request: { task: string; count: number; endStep?: number };
  latent?: "noise" | "picture";
  scheduler: Record<string, unknown>;
}

const oracle = `${fixtureModel("sd1")}-latents`;
const { common, cases } = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as { common: object; cases: Case[] };
const { tensors } = await readSafetensors(`${oracle}.safetensors`);
const bytes = await readFile(`${oracle}.safetensors`);

function recorded(name: string): Uint8Array {
  const { offset, length } = tensors.get(name)!;
  return bytes.subarray(offset, offset + length);
}

function recordedLatent(name: string, count: number): { data: Float32Array; shape: number[] } {
  return { data: toFloat32(recorded(name), "F32").subarray(0, count * 64), shape: [count, 4, 4, 4] };
}

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

const generate = (request: object) => createClient({ backend }).generate(request as GenerationInput);

describe("diffusers' pictures from latents, and its latents after a part of the steps", () => {
  test.each(cases)("$name", async ({ name, request, latent, scheduler }) => {
    const model = await copyModel("sd1", await schedulerOf("sd1", scheduler));
    const given = latent ? { latent: recordedLatent(latent, request.count) } : { width: 32, height: 32 };
    const { images } = await generate({ ...common, ...request, ...given, model, output: { latent: true } });
    expect(images).toHaveLength(request.count);
    for (const [i, image] of images.entries()) {
      if (request.endStep === undefined) {
        const { data } = await image.pixels();
        const expected = recorded(name).subarray(i * data.length, (i + 1) * data.length);
        expect(data.reduce((sum, value, k) => sum + Math.abs(value - expected[k]!), 0) / data.length).toBeLessThan(
          0.05,
        );
      } else {
        const expected = recordedLatent(name, 1).data;
        const scale = Math.max(...expected.map(Math.abs));
        expect(Math.max(...image.latent!.data.map((value, k) => Math.abs(value - expected[k]!))) / scale).toBeLessThan(
          1e-4,
        );
      }
    }
  });
});

const request = { prompt: "a red apple", steps: 6, seed: 3, guidanceScale: 5, width: 64, height: 64 };
const pixels = async (job: ReturnType<typeof generate>) => (await (await job).images[0]!.pixels()).data;

describe("two requests make one picture, to the bit", () => {
  test.each([
    ["the model's own DDIM", {}],
    ["euler", { sampler: "euler", scheduler: "karras" }],
    ["heun", { sampler: "heun", scheduler: "exponential" }],
    ["dpm_2", { sampler: "dpm_2", scheduler: "simple" }],
    ["euler over own sigmas", { sampler: "euler", sigmas: [14, 8, 4, 2, 1, 0.3, 0], steps: undefined }],
  ])("%s", async (_name, choice) => {
    const whole = { ...request, ...choice };
    const first = await generate({ ...whole, endStep: 4, output: { latent: true } });
    const { latent } = first.images[0]!;
    expect(latent!.shape).toEqual([4, 8, 8]);
    const second = { ...whole, width: undefined, height: undefined, startStep: 4 };
    const [last, direct] = await Promise.all([
      pixels(generate({ ...second, latent: { data: latent!.data, shape: latent!.shape } })),
      pixels(generate(whole)),
    ]);
    expect(last).toEqual(direct);
    expect((await first.images[0]!.pixels()).data).not.toEqual(direct);
  });
});

describe("a run that begins at a later step", () => {
  test("draws its steps' noise from the start of the generator", async () => {
    // Levels that lie on whole timesteps, where A1111's convention is told the same ones.
    const choice = { ...request, sampler: "euler_ancestral", scheduler: "simple" };
    const first = await generate({ ...choice, endStep: 3, output: { latent: true } });
    const { data, shape } = first.images[0]!.latent!;
    const second = { ...choice, startStep: 3, latent: { data, shape } };
    // An ENSD names the generator that the steps' noise begins in.
    const named = pixels(generate({ ...second, noise: { convention: "a1111", ensd: 4 } }));
    expect(await pixels(generate({ ...second, seed: request.seed + 4 }))).toEqual(await named);
  });

  test("begins an inpainted picture at that step's level, as image-to-image", async () => {
    const picture = await generate(request);
    const image = await picture.images[0]!.bytes("png");
    const white = { width: 64, height: 64, channels: 3 as const, data: new Uint8Array(64 * 64 * 3).fill(255) };
    // ComfyUI's convention draws nothing for the picture, so that the first noise of both is one.
    const asked = { ...request, image, startStep: 2, noise: { convention: "comfyui" } };
    const [inpainted, moved] = await Promise.all([
      pixels(generate({ ...asked, task: "inpaint", mask: await encodeImage(white, "png") })),
      pixels(generate({ ...asked, task: "image-to-image" })),
    ]);
    expect(inpainted).toEqual(moved);
  });
});

test("image-to-image says that it noises a latent whose noise an earlier request left", async () => {
  const first = await generate({ ...request, endStep: 4, output: { latent: true } });
  const { data, shape } = first.images[0]!.latent!;
  const begun = { ...request, width: undefined, height: undefined, startStep: 4, latent: { data, shape } };
  const codes = async (task: object) => (await generate({ ...begun, ...task })).warnings.map(({ code }) => code);
  expect(await codes({ task: "image-to-image" })).toContain("latent_noised");
  expect(await codes({ task: "image-to-image", startStep: undefined, strength: 0.5 })).not.toContain("latent_noised");
  expect(await codes({})).not.toContain("latent_noised");
});

describe("a latent's file", () => {
  test("is written and read back, and its hash stands in the recipe", async () => {
    const first = await generate({ ...request, endStep: 4, output: { latent: true } });
    const folder = await temporaryFolder();
    const path = await first.images[0]!.latent!.save(join(folder, "deep", "a.safetensors"));
    const second = await generate({ ...request, startStep: 4, latent: path });
    expect((await second.images[0]!.pixels()).data).toEqual(await pixels(generate(request)));
    const { recipe } = second.images[0]!;
    expect(recipe.request).toMatchObject({
      startStep: 4,
      width: 64,
      latent: { path, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(await pixels(generate(recipe))).toEqual((await second.images[0]!.pixels()).data);
    await first.images[0]!.latent!.save(path);
    const other = await generate({ ...request, seed: 4, endStep: 4, output: { latent: true } });
    await other.images[0]!.latent!.save(path);
    await expect(generate(recipe)).rejects.toThrow(/latent: the file is not the one that the recipe was made with/);
    await expect(other.images[0]!.latent!.save(join(folder, "a.bin"))).rejects.toThrow(/use \.safetensors/);
  });

  test("may be NumPy's, half precision, or ComfyUI's, which is in the VAE's scale", async () => {
    const values = Float32Array.from({ length: 256 }, (_, i) => Math.fround(((i * 37) % 64) / 32 - 1));
    const asked = { task: "image-to-image", prompt: "a", steps: 4, seed: 1 };
    const plain = await pixels(generate({ ...asked, latent: { data: values, shape: [4, 8, 8] } }));
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4, 8, 8), }\n";
    const npy = Buffer.concat([
      Buffer.from("\x93NUMPY\x01\x00", "latin1"),
      Buffer.from(Uint16Array.of(header.length).buffer),
      Buffer.from(header),
      Buffer.from(values.buffer),
    ]);
    expect(await pixels(generate({ ...asked, latent: npy }))).toEqual(plain);
    const bf16 = Buffer.concat(Array.from(values, (value) => Buffer.from(Float32Array.of(value).buffer).subarray(2)));
    const half = safetensors({ samples: ["BF16", [1, 4, 8, 8], bf16] });
    expect(await pixels(generate({ ...asked, latent: half }))).toEqual(plain);
    const comfy = safetensors({
      latent_tensor: ["F32", [1, 4, 8, 8], Buffer.from(values.map((value) => value / 0.18215).buffer)],
      latent_format_version_0: ["F32", [0], Buffer.alloc(0)],
    });
    const near = await pixels(generate({ ...asked, latent: comfy }));
    expect(near.reduce((sum, value, i) => sum + Math.abs(value - plain[i]!), 0) / plain.length).toBeLessThan(0.1);
  });
});

/** A safetensors file of these tensors. */
function safetensors(tensors: Record<string, [dtype: string, shape: number[], data: Buffer]>): Buffer {
  let end = 0;
  const header = Object.entries(tensors).map(([name, [dtype, shape, data]]) => {
    const begin = end;
    end += data.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(([, , data]) => data)]);
}

describe("refused before any work, by name:", () => {
  const latent = { data: new Float32Array(256), shape: [4, 8, 8] };
  const img = { task: "image-to-image", width: undefined, height: undefined };
  test.each<[string, object, string, RegExp]>([
    ["a first step without a latent", { startStep: 2 }, "startStep", /needs a latent/],
    ["a first step past the last", { startStep: 6, latent }, "startStep", /below steps \(6\)/],
    ["the model's own number of steps", { steps: undefined, startStep: 900, latent }, "startStep", /0 to \d+|below/],
    ["an end before the start", { startStep: 3, endStep: 3, latent }, "endStep", /above startStep/],
    [
      "an end before the strength's start",
      { ...img, latent, strength: 0.5, endStep: 2 },
      "endStep",
      /above|at least 3/,
    ],
    ["a strength beside a first step", { ...img, latent, strength: 0.5, startStep: 2 }, "startStep", /not by both/],
    ["a picture beside a latent", { ...img, latent, image: "a.png" }, "latent", /not both/],
    ["neither", img, "image", /or give a latent/],
    [
      "values that don't fill the shape",
      { latent: { ...latent, shape: [4, 8, 9] } },
      "latent",
      /256 values.*needs 288/,
    ],
    ["NaN", { latent: { ...latent, data: latent.data.map(() => Number.NaN) } }, "latent", /finite/],
    ["other channels", { latent: { data: new Float32Array(192), shape: [3, 8, 8] } }, "latent", /\[4, height, width\]/],
    ["another size", { latent, width: 32 }, "width", /must be 64, the latent's own/],
    ["another number of them", { latent: { data: new Float32Array(512), shape: [2, 4, 8, 8] } }, "latent", /2 latents/],
    ["no latent's file", { latent: Buffer.from("a picture, perhaps") }, "latent", /not a safetensors file/],
    ["a number", { latent: 5 }, "latent", /\{ data, shape \}/],
    ["a file that is not there", { latent: "/no/such.safetensors" }, "latent", /no such file/],
    [
      "several tensors",
      { latent: safetensors({ a: ["F32", [0], Buffer.alloc(0)], b: ["F32", [0], Buffer.alloc(0)] }) },
      "latent",
      /2 tensors/,
    ],
  ])("%s", async (_name, change, field, message) => {
    const events: string[] = [];
    const job = generate({ ...request, ...change });
    const failed = (async () => {
      for await (const event of job) events.push(event.type);
    })();
    const error = await failed.catch((cause: unknown) => cause);
    expect(error).toSatisfy(InvalidRequestError.isInstance);
    const { issues } = error as InvalidRequestError;
    expect(issues.map((issue) => issue.field)).toContain(field);
    expect(issues.map((issue) => issue.message).join()).toMatch(message);
    expect(events).toEqual([]);
  });
});
