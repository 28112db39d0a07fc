import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { copyModel, fixture, fixtureModel, schedulerOf } from "../testing/test-model.ts";

// What diffusers makes of an input picture with the same model: tools/oracle/pipeline_inputs.py.
interface Case {
  name: string;
  request: GenerationInput;
  /** Of the input picture and mask, where it is not the output's. */
  side?: number;
  scheduler?: Record<string, unknown>;
}

const oracle = `${fixtureModel("sd1")}-inputs`;
const cases = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as Case[];

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

async function generate(request: GenerationInput) {
  return createClient({ backend }).generate(request);
}

async function recorded(name: string): Promise<Uint8Array> {
  const file = `${oracle}.safetensors`;
  const { offset, length } = (await readSafetensors(file)).tensors.get(name)!;
  return (await readFile(file)).subarray(offset, offset + length);
}

async function picture(name: string, width = 64, height = 64): Promise<Uint8Array> {
  return encodeImage({ width, height, channels: 3, data: await recorded(name) }, "png");
}

describe("diffusers' pictures from a picture", () => {
  test.each(cases)("$name", async ({ name, request, side, scheduler }) => {
    const changes = scheduler && (await schedulerOf("sd1", scheduler));
    const model = changes === undefined ? fixtureModel("sd1") : await copyModel("sd1", changes);
    const inputs = {
      ...(request.task === "text-to-image" ? {} : { image: await picture(`image${side ?? ""}`, side, side) }),
      ...(request.task === "inpaint"
        ? { mask: await picture(`mask${side ?? ""}`, side, side), keepUnmasked: false }
        : {}),
    };
    const { images } = await generate({ ...request, ...inputs, model } as GenerationInput);
    const { data } = await images[0]!.pixels();
    const expected = await recorded(name);
    expect(data).toHaveLength(expected.length);
    const difference = data.reduce((sum, value, i) => sum + Math.abs(value - expected[i]!), 0) / data.length;
    expect(difference).toBeLessThan(1);
  });
});

const request = { task: "image-to-image", prompt: "a red apple", steps: 4, seed: 1 } as const;

test("strength 0 keeps the picture, as far as the VAE can", async () => {
  const image = await picture("image");
  const [kept, other] = await Promise.all(
    [1, 2].map(async (seed) => (await generate({ ...request, image, strength: 0, seed })).images[0]!.pixels()),
  );
  const drawn = await (await generate({ ...request, image, strength: 1 })).images[0]!.pixels();
  const apart = (a: Uint8Array, b: Uint8Array) =>
    a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
  expect(apart(kept!.data, other!.data)).toBeLessThan(apart(kept!.data, drawn.data));
});

test("the size is the picture's own, rounded down, unless the request names one", async () => {
  const image = await encodeImage({ width: 70, height: 45, channels: 3, data: new Uint8Array(70 * 45 * 3) }, "png");
  const own = await generate({ ...request, image });
  expect(await own.images[0]!.size()).toEqual({ width: 64, height: 40 });
  expect(own.recipe.request).toMatchObject({ width: 64, height: 40 });
  const named = await generate({ ...request, image, width: 32, height: 48 });
  expect(await named.images[0]!.size()).toEqual({ width: 32, height: 48 });
});

test("a picture that is smaller than the model can make is enlarged with a warning, unless its size is named", async () => {
  const image = await encodeImage({ width: 5, height: 45, channels: 3, data: new Uint8Array(5 * 45 * 3) }, "png");
  const { images, warnings } = await generate({ ...request, image });
  const { width } = await images[0]!.size();
  expect(width).toBeGreaterThan(5);
  const message = expect.stringContaining(`is 5×45, smaller than this model can make; it is enlarged to ${width}×40`);
  expect(warnings).toContainEqual(expect.objectContaining({ code: "image_enlarged", field: "image", message }));
  const codes = async (fields: object) =>
    (await generate({ ...request, image, ...fields })).warnings.map((w) => w.code);
  expect(await codes({ width, height: 40 })).not.toContain("image_enlarged");
});

test("a picture's recipe makes it again, given its pictures", async () => {
  const [image, mask] = [await picture("image"), await picture("mask")];
  const first = await generate({ ...request, task: "inpaint", image, mask, strength: 0.8 });
  const again = await createClient({ backend }).generate(first.images[0]!.recipe, { inputs: [image, mask] });
  expect(await again.images[0]!.bytes("png")).toEqual(await first.images[0]!.bytes("png"));
});

test("a picture that is none is refused by its field, before any work", async () => {
  await expect(generate({ ...request, image: "/no/such/picture.png" })).rejects.toMatchObject({
    code: "invalid_request",
    issues: [{ field: "image" }],
  });
  await expect(generate({ ...request, image: new TextEncoder().encode("no picture") })).rejects.toMatchObject({
    code: "image",
  });
});

test("a picture that is larger than the model can make is not made smaller unasked", async () => {
  const image = await encodeImage({ width: 4200, height: 16, channels: 3, data: new Uint8Array(4200 * 16 * 3) }, "png");
  await expect(generate({ ...request, image })).rejects.toMatchObject({
    issues: [
      {
        field: "image",
        message: expect.stringMatching(/side of 4200 pixels; must have at most 4096: name width and height/),
      },
    ],
  });
  const named = await generate({ ...request, image, width: 64, height: 16 });
  expect(await named.images[0]!.size()).toEqual({ width: 64, height: 16 });
  const model = fixture("families/x4-upscaler");
  await expect(generate({ task: "upscale", scale: 4, image, model })).rejects.toMatchObject({
    issues: [{ field: "image", message: expect.stringMatching(/must have at most 1024, which become 4096/) }],
  });
});
