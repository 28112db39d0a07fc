import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { difference, oraclePicture, singleFile, singleFileCases } from "../testing/single-file.ts";

// Pictures of checkpoints in the original naming against what diffusers' from_single_file makes of the same bytes
// (tools/oracle/single_files.py), through the public API.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const request = {
  prompt: "a red apple on a blue background",
  negativePrompt: "blurry",
  steps: 5,
  guidanceScale: 5,
  seed: 7,
} as const;

const files = [
  ...["sd1", "sd1-inpainting", "instruct-pix2pix", "sd2", "sdxl", "sdxl-refiner"],
  ...["x4-upscaler", "playground", "cosxl", "cosxl-edit"],
];
for (const name of files) {
  const { cases } = await singleFileCases(name);
  describe(`${name}.safetensors makes diffusers' pictures`, () => {
    test.each(cases)("$name", async ({ name: label, task, strength, negative }) => {
      const model = await singleFile(name);
      const input = await inputOf(task, strength ?? 0.6);
      const all = { ...request, ...input, model, ...(negative === null && { negativePrompt: undefined }) };
      const { images } = await createClient({ backend }).generate(all as GenerationInput);
      const { data } = await images[0]!.pixels();
      const expected = await oraclePicture(`${name}.${label}`);
      const apart = difference(data, expected.data);
      expect(apart.mean).toBeLessThan(0.5);
      expect(apart.max).toBeLessThanOrEqual(8);
    });
  });
}

async function inputOf(task: string, strength: number): Promise<object> {
  const { width, height, data } = await oraclePicture(task === "upscale" ? "small" : "input");
  if (task === "text-to-image") return { width, height };
  const image = await encodeImage({ width, height, channels: 3, data }, "png");
  // InstructPix2Pix edits a picture: image-to-image, whose strength it doesn't have.
  if (task === "instruct") return { task: "image-to-image", image, imageGuidanceScale: 1.5 };
  if (task === "upscale") return { task, image, scale: 4 };
  if (task !== "inpaint") return { task, image, strength };
  const covered = (i: number) => Math.floor(i / width) >= 16 && Math.floor(i / width) < 48 && i % width >= 24;
  const mask = Uint8Array.from({ length: 3 * width * height }, (_, i) => (covered(Math.floor(i / 3)) ? 255 : 0));
  const png = await encodeImage({ width, height, channels: 3, data: mask }, "png");
  return { task, image, mask: png, strength, keepUnmasked: false };
}
