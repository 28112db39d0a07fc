import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { RecipeError } from "../../errors/recipe-error.ts";
import { encodeImage } from "../../image/codec.ts";
import { writePngText } from "../../png/chunks.ts";
import { readRecipe } from "../png-recipe.ts";
import { scanSettings } from "./settings-line.ts";

// Written by the libraries that the programs themselves use: piexif and Pillow; sdcpp.* byte by byte as its source does.
const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);
const fuchs = { prompt: "ein Füchslein 東京", negativePrompt: "häßlich", steps: 20, seed: 42 };

it.each([
  ["a1111.jpg", "a1111", fuchs],
  ["a1111.webp", "a1111", fuchs],
  ["sdcpp.png", "sdcpp", { ...fuchs, sampler: "euler_ancestral" }],
  ["sdcpp.webp", "sdcpp", { prompt: 'a fox <3 & "snow"', seed: 42 }],
  ["sdcpp.jpg", "sdcpp", { prompt: 'a fox <3 & "snow"', seed: 42 }],
  ["fooocus.jpg", "fooocus", { prompt: "a fox", steps: 30, width: 1152, height: 896 }],
  ["fooocus.webp", "fooocus", { prompt: "a fox", steps: 30, scheduler: "karras" }],
  ["comfyui.webp", "comfyui", { prompt: "a fox", sampler: "euler", seed: 42 }],
])("reads the settings in %s", async (name, backend, request) => {
  expect(await readRecipe(fixture(name))).toMatchObject({ backend, request });
});

it("reads InvokeAI's and ComfyUI's chunks of a PNG, and LatentKit's own before all others", async () => {
  const png = await encodeImage({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, "png");
  const invoke = JSON.stringify({ positive_prompt: "a fox", seed: 3, steps: 9 });
  expect(await readRecipe(writePngText(png, { invokeai_metadata: invoke }))).toMatchObject({
    backend: "invokeai",
    request: { prompt: "a fox", seed: 3, steps: 9 },
  });
  await expect(readRecipe(writePngText(png, { prompt: "just words" }))).rejects.toThrow(RecipeError);
});

it("reads a text beside a picture that has none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-sidecar-"));
  try {
    const png = await encodeImage({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, "png");
    await writeFile(join(folder, "fox.1.png"), png);
    await expect(readRecipe(join(folder, "fox.1.png"))).rejects.toThrow(RecipeError);
    await writeFile(join(folder, "fox.1.txt"), "a fox\nSteps: 4, Sampler: Euler a, Seed: 3\n");
    expect(await readRecipe(join(folder, "fox.1.png"))).toMatchObject({ request: { prompt: "a fox", seed: 3 } });
    expect(await readRecipe(join(folder, "fox.1.txt"))).toMatchObject({ request: { prompt: "a fox", seed: 3 } });
    await cp(fixture("a1111.jpg"), join(folder, "fox.1.jpg"));
    expect(await readRecipe(join(folder, "fox.1.jpg"))).toMatchObject({ request: { seed: 42 } });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("takes time in proportion to the text", () => {
  for (const piece of ["a", "aa:[", 'aa:"', 'aa:"x"y', "[", "aa:{", "a b-c/", "Negative prompt:\n", ",", "aa:["]) {
    const count = 200_000 / piece.length;
    const begin = performance.now();
    scanSettings(piece.repeat(count));
    const once = performance.now() - begin;
    // A quadratic reader takes minutes; the bound is far from any machine's noise.
    expect(once, piece).toBeLessThan(5_000);
  }
});
