import { readFile, writeFile } from "node:fs/promises";
import { createClient } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../local.ts";
import { quantisedUnet } from "../testing/quantised.ts";
import { difference, singleFile } from "../testing/single-file.ts";
import { fixture, recordedTensor } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { readModel } from "./read-model.ts";

// Pictures of a UNet in quantised formats, against diffusers' over the weights as each format's reference dequantises them
// (tools/oracle/quantised.py), through the public API.
const files = [
  "fp8_plain.safetensors",
  "fp8_scaled.safetensors",
  "fp8_mixed.safetensors",
  "int8.safetensors",
  "int8_convrot.safetensors",
  "q8_0.gguf",
  "q4_k.gguf",
];

describe("a quantised UNet makes the pictures of its dequantised weights", () => {
  test.each(files)("%s", async (name) => {
    const [model, unet] = [await singleFile("sd1"), await quantisedUnet(name)];
    const backend = local({ model, parts: { unet }, threads: 1 });
    const { images } = await createClient({ backend }).generate({
      prompt: "a red apple on a blue background",
      negativePrompt: "blurry",
      steps: 5,
      guidanceScale: 5,
      seed: 7,
      width: 64,
      height: 64,
    });
    await backend.dispose();
    const { data } = await images[0]!.pixels();
    const apart = difference(
      data,
      await recordedTensor(fixture("quantised/pictures.safetensors"), name.split(".")[0]!),
    );
    expect(apart.mean).toBeLessThan(0.5);
    expect(apart.max).toBeLessThanOrEqual(8);
  });
});

test("a model's information names the types that its weights are stored in", async () => {
  const model = await singleFile("sd1");
  const whole = await readModel(model, { parts: { unet: await quantisedUnet("int8_convrot.safetensors") } });
  const other = await readModel(model, { parts: { unet: await quantisedUnet("int8.safetensors") } });
  expect(whole.identity.hash).not.toBe(other.identity.hash);
  await expect(inspectModel(await quantisedUnet("q4_k.gguf"))).rejects.toThrow(/no textEncoder; give one/);
});

test("a GGUF file whose metadata names another architecture than its tensors are of is refused", async () => {
  const path = await quantisedUnet("q8_0.gguf");
  const bytes = await readFile(path);
  const at = bytes.indexOf("sd1", bytes.indexOf("general.architecture"));
  bytes.write("sd3", at);
  await writeFile(path, bytes);
  await expect(readModel(path)).rejects.toMatchObject({
    code: "model",
    message: expect.stringMatching(
      /its metadata says that it is "sd3", its tensors are those of a StableDiffusionPipeline/,
    ),
    details: { problem: "malformed" },
  });
});
