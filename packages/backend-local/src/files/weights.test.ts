import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { fileWeights, folderWeights } from "./weights.ts";

const network = fileURLToPath(new URL("../../fixtures/networks/vae-old-names/", import.meta.url));
const weightsFile = join(network, "diffusion_pytorch_model.safetensors");
const folders: string[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-weights-"));
  folders.push(folder);
});
afterAll(() => Promise.all(folders.map((each) => rm(each, { recursive: true }))));

/** Writes an index that places tensors in shards. */
function index(map: unknown, name = "model.safetensors.index.json"): Promise<void> {
  return writeFile(join(folder, name), JSON.stringify({ metadata: {}, weight_map: map }));
}

describe("folderWeights", () => {
  test("finds the file of either library", async () => {
    const weights = await folderWeights(network);
    expect(weights.source).toBe(weightsFile);
    expect(weights.find("decoder.conv_in.weight")?.shape).toEqual([8, 4, 3, 3]);
    expect(weights.find("decoder.conv_in.wait")).toBeUndefined();
    expect([...weights.names()]).toContain("decoder.conv_in.weight");
  });

  test("takes the half-precision variant when asked, or when it is all there is", async () => {
    await cp(weightsFile, join(folder, "model.fp16.safetensors"));
    expect((await folderWeights(folder)).source).toMatch(/fp16/);
    await cp(weightsFile, join(folder, "model.safetensors"));
    expect((await folderWeights(folder)).source).not.toMatch(/fp16/);
    expect((await folderWeights(folder, "fp16")).source).toMatch(/fp16/);
  });

  test("joins shards", async () => {
    await cp(weightsFile, join(folder, "a.safetensors"));
    await cp(weightsFile, join(folder, "b.safetensors"));
    await index({ "decoder.conv_in.weight": "a.safetensors", "decoder.conv_in.bias": "b.safetensors" });
    const weights = await folderWeights(folder);
    expect(weights.find("decoder.conv_in.weight")?.file).toMatch(/a\.safetensors$/);
    expect(weights.find("decoder.conv_in.bias")?.file).toMatch(/b\.safetensors$/);
    expect(weights.find("decoder.conv_out.bias")).toBeUndefined();
  });

  test("refuses an index that leads elsewhere or that its shards belie", async () => {
    await cp(weightsFile, join(folder, "a.safetensors"));
    await index({ x: "../a.safetensors" });
    await expect(folderWeights(folder)).rejects.toThrow(/not the name of a .safetensors file here/);
    await index({ x: "a.bin" });
    await expect(folderWeights(folder)).rejects.toThrow(/a\.bin/);
    await index({ "no.such": "a.safetensors" });
    await expect(folderWeights(folder)).rejects.toMatchObject({ details: { problem: "missing", tensor: "no.such" } });
    await index({ x: "gone.safetensors" });
    await expect(folderWeights(folder)).rejects.toMatchObject({ details: { problem: "missing" } });
    await index(undefined);
    await expect(folderWeights(folder)).rejects.toThrow(/no weight_map/);
  });

  test("never reads a pickle", async () => {
    await writeFile(join(folder, "diffusion_pytorch_model.bin"), "anything");
    await expect(folderWeights(folder)).rejects.toMatchObject({ code: "model", details: { problem: "pickle" } });
    for (const name of ["model.ckpt", "model.pt", "MODEL.PTH"]) {
      await expect(fileWeights(join(folder, name))).rejects.toThrow(/use the model's .safetensors file/);
    }
  });

  test("says what a folder without weights lacks", async () => {
    await expect(folderWeights(folder)).rejects.toThrow(
      /holds no weights: expected diffusion_pytorch_model.safetensors/,
    );
    await expect(folderWeights(join(folder, "none"))).rejects.toMatchObject({ details: { problem: "missing" } });
  });

  test("refuses a truncated file", async () => {
    const whole = await readFile(weightsFile);
    await writeFile(join(folder, "model.safetensors"), whole.subarray(0, whole.length - 1));
    await expect(folderWeights(folder)).rejects.toThrow(/truncated/);
  });
});
