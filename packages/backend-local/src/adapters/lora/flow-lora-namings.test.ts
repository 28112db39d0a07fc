import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture, recordedTensor } from "../../testing/test-model.ts";

// LoRAs of FLUX.2 klein and Qwen-Image in the namings that they are published in, against diffusers' pictures: tools/oracle/flow_lora_namings.py.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, loraFolder: fixture("loras/flow") });
});
afterAll(() => backend.dispose());

const prompt = "a red apple on a blue background";
const draw = async (request: Partial<GenerationInput>) => {
  const asked = { prompt, width: 64, height: 64, steps: 4, seed: 7, ...request } as GenerationInput;
  const { images } = await createClient({ backend }).generate(asked);
  return (await images[0]!.pixels()).data;
};
const pictured = (name: string) => recordedTensor(fixture("loras/flow/namings.safetensors"), name);
const requests = {
  flux2: { model: fixture("families/flux2") },
  "qwen-image": { model: fixture("families/qwen-image"), guidanceScale: 1 },
  "qwen-image-21": { model: fixture("families/qwen-image-21") },
  "qwen-image-edit": { model: fixture("families/qwen-image-edit"), guidanceScale: 1 },
} satisfies Record<string, Partial<GenerationInput>>;
const reference = async () => {
  const data = await recordedTensor(fixture("pipelines/sd1-inputs.safetensors"), "image");
  const image = await encodeImage({ width: 64, height: 64, channels: 3, data }, "png");
  return { conditioning: [{ kind: "reference", image } as const] };
};

async function expectPicture(request: Partial<GenerationInput>, lora: string, name: string) {
  const drawn = await draw({ ...request, loras: [{ model: lora }] });
  const { mean, max } = difference(drawn, await pictured(name));
  expect(mean).toBeLessThan(0.5);
  expect(max).toBeLessThanOrEqual(8);
  expect(difference(drawn, await draw(request)).mean, "it does something").toBeGreaterThan(1);
}

describe.each([
  ["flux2", ["diffusers", "bfl", "kohya", "peft"]],
  ["qwen-image", ["diffusers", "bfl", "kohya", "lightx2v", "default"]],
  ["qwen-image-21", ["diffusers", "bfl", "kohya"]],
] as const)("a LoRA of %s makes diffusers' picture", (model, namings) => {
  test.each(namings)("in the naming %s", async (naming) => {
    await expectPicture(requests[model], `${model}-${naming}`, model);
  });
});

test.each(["flux2", "qwen-image"] as const)("a LoKr of %s makes the picture of the weights with it", async (model) => {
  await expectPicture(requests[model], `${model}-lokr`, `${model}-lokr`);
});

test("a DoRA of queries, keys and values at once scales the rows of each", async () => {
  await expectPicture(requests.flux2, "flux2-dora", "flux2-dora");
});

describe("with reference pictures", () => {
  test("of FLUX.2 klein", async () => {
    await expectPicture({ ...requests.flux2, ...(await reference()) }, "flux2-diffusers", "flux2-references");
  });

  test("of klein KV, where it changes what these are to the picture, too", async () => {
    const index = JSON.parse(await readFile(fixture("families/flux2/model_index.json"), "utf8"));
    const files = { "model_index.json": { ...index, _class_name: "Flux2KleinKVPipeline" } };
    const model = await copyFixture("families/flux2", files);
    await expectPicture({ ...(await reference()), model }, "flux2-bfl", "flux2-kv");
  });

  test("of Qwen-Image 2.1, where it changes what these and the words are to the picture, too", async () => {
    const shown = { ...requests["qwen-image-21"], ...(await reference()) };
    await expectPicture(shown, "qwen-image-21-bfl", "qwen-image-21-references");
  });

  test("of Qwen-Image-Edit", async () => {
    const shown = { ...requests["qwen-image-edit"], ...(await reference()) };
    await expectPicture(shown, "qwen-image-kohya", "qwen-image-edit");
  });
});
