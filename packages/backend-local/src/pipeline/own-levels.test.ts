import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { ownLevelSamplers } from "@latentkit/core/diffusion";
import { afterAll, beforeAll, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { fixtureModel } from "../testing/test-model.ts";

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

const side = 32;
const flat = (value: (i: number) => number) =>
  encodeImage(
    { width: side, height: side, channels: 3, data: Uint8Array.from({ length: side * side * 3 }, (_, i) => value(i)) },
    "png",
  );

test.each(ownLevelSamplers)("%s, whose levels are its own, keeps what inpainting keeps", async (sampler) => {
  const request = {
    task: "inpaint",
    prompt: "a red apple",
    image: await flat((i) => (i * 7) % 256),
    mask: await flat(() => 0),
    keepUnmasked: false,
    seed: 3,
    steps: 24,
    guidanceScale: 1,
  } satisfies GenerationInput;
  const pixels = async (changes: Partial<GenerationInput>) => {
    const { images } = await createClient({ backend }).generate({ ...request, ...changes } as GenerationInput);
    return (await images[0]!.pixels()).data;
  };
  expect(await pixels({ sampler })).toEqual(await pixels({ sampler: "euler" }));
  const half = await flat((i) => (i % (side * 3) < side * 1.5 ? 255 : 0));
  expect(await pixels({ sampler, mask: half })).not.toEqual(await pixels({ sampler: "euler", mask: half }));
});
