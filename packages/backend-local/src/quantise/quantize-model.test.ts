import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readTensor } from "../files/read-tensor.ts";
import { fileWeights } from "../files/weights.ts";
import { readModel } from "../models/read-model.ts";
import { quantisedUnet } from "../testing/quantised.ts";
import { singleFile } from "../testing/single-file.ts";
import { fixture, temporaryFolder } from "../testing/test-model.ts";
import { quantizeFormats } from "./quantise-format.ts";
import { quantizeModel } from "./quantize-model.ts";

/** How far, on the whole, tensors of two files are from each other. */
async function apart(path: string, other: string, prefix = ""): Promise<number> {
  const [a, b] = await Promise.all([fileWeights(path), fileWeights(other)]);
  let [difference, size] = [0, 0];
  for (const name of b.names()) {
    const tensor = a.find(prefix + name);
    if (tensor === undefined || !name.endsWith(".weight")) continue;
    const [x, y] = await Promise.all([readTensor(tensor), readTensor(b.find(name)!)]);
    expect(x.length).toBe(y.length);
    for (const [i, value] of x.entries()) {
      difference += Math.abs(value - y[i]!);
      size += Math.abs(value);
    }
  }
  expect(size).toBeGreaterThan(0);
  return difference / size;
}

const errors = { int8_convrot: 0.01, int8: 0.01, fp8_scaled: 0.03, fp8: 0.03, q8_0: 0.01, q4_0: 0.1 };

test.each(quantizeFormats)("%s is read back close to what it was, and whole", async (format) => {
  const source = await quantisedUnet("int8.safetensors");
  const target = join(dirname(source), `out.${format.startsWith("q") ? "gguf" : "safetensors"}`);
  const seen: number[] = [];
  const made = await quantizeModel(source, target, { format, onProgress: (done, of) => seen.push(done / of) });
  expect(made.quantised).toBeGreaterThan(20);
  expect(seen.at(-1)).toBe(1);
  const prefix = format.startsWith("q") ? "model.diffusion_model." : "";
  expect(await apart(source, target, prefix)).toBeLessThan(errors[format]);
  const base = await singleFile("sd1");
  const model = await readModel(base, { parts: { unet: target } });
  expect(model.parts.unet!.file).toBe(target);
  expect((await readdir(dirname(target))).sort()).toEqual([
    "int8.safetensors",
    target.slice(dirname(target).length + 1),
  ]);
});

test("a checkpoint's other parts stay as they are", async () => {
  const source = await singleFile("sdxl");
  const target = join(dirname(source), "out.safetensors");
  await quantizeModel(source, target, { format: "fp8_scaled" });
  const [before, after] = await Promise.all([fileWeights(source), fileWeights(target)]);
  expect([...after.names()].sort()).toEqual([...before.names()].sort());
  for (const name of before.names()) {
    const isUnet = name.startsWith("model.diffusion_model.");
    if (!isUnet) expect(after.find(name)!.dtype, name).toBe(before.find(name)!.dtype);
  }
  expect((await readModel(target)).pipeline).toBe("StableDiffusionXLPipeline");
});

test.each([
  ["flux1", "flux"],
  ["flux2", "flux"],
  ["flux3", "flux"],
  ["chroma", "flux"],
  ["z-image", "lumina2"],
  ["stable-diffusion-3", "sd3"],
  ["qwen-image", "qwen_image"],
  ["qwen-image-21", "qwen_image"],
  ["krea2", "krea2"],
  ["pixart-sigma", "pixart"],
])("a GGUF file of %s's says what ComfyUI-GGUF calls it (%s), and is read back", async (family, architecture) => {
  const target = join(await temporaryFolder(), "out.gguf");
  await quantizeModel(fixture(`families/${family}`), target, { format: "q8_0" });
  expect((await fileWeights(target)).metadata).toMatchObject({ "general.architecture": architecture });
  const { parts } = await readModel(fixture(`families/${family}`), { parts: { transformer: target } });
  expect(parts.transformer!.weights.path).toBe(target);
});

test("what can't be is refused before anything is written", async () => {
  const source = await quantisedUnet("int8.safetensors");
  const there = join(dirname(source), "there.safetensors");
  await writeFile(there, "mine");
  const format = "int8_convrot";
  await expect(quantizeModel(source, there, { format })).rejects.toThrow(/is there already/);
  await expect(quantizeModel(source, source, { format, overwrite: true })).rejects.toThrow(/read from/);
  await expect(quantizeModel(source, "x.gguf", { format })).rejects.toThrow(/must end with \.safetensors/);
  await expect(quantizeModel("/none", "x.safetensors", { format })).rejects.toMatchObject({ code: "model" });
  expect(await readFile(there, "utf8")).toBe("mine");
  const signal = AbortSignal.abort();
  await expect(quantizeModel(source, join(dirname(source), "new.safetensors"), { format, signal })).rejects.toThrow();
  expect(await readdir(dirname(source))).toEqual(["int8.safetensors", "there.safetensors"]);
});
