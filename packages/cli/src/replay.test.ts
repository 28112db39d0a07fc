import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeImage, readRecipe, writePngText } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder, removeFolder, run } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

const blank = (width: number, height: number) =>
  encodeImage({ width, height, channels: 3, data: new Uint8Array(width * height * 3) }, "png");
const a1111 = "a fox\nSteps: 4, Sampler: Euler, Schedule type: Normal, CFG scale: 7, Seed: 3, Size: 16x24";

describe("latentkit replay", () => {
  it("draws its own picture again, pixel for pixel", async () => {
    await run(["generate", "--prompt", "x", "--seed", "5", "--width", "32", "--out", "a.png"], folder);
    const { code, stdout } = await run(["replay", "a.png", "--exact", "--out", "b.png"], folder);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "b.png\nmade by memory with stripes\ndifference: the same, pixel for pixel\n",
    });
    expect(await readFile(join(folder, "b.png"))).toEqual(await readFile(join(folder, "a.png")));
  });

  it("draws another tool's picture, lists what can't be honoured and measures the difference", async () => {
    const text = `${a1111}, Tiling: True, Clip skip: 40, Version: v1.10.1`;
    await writeFile(join(folder, "w.png"), writePngText(await blank(16, 24), { parameters: text }));
    const { code, stdout } = await run(["replay", "w.png", "--json"], folder);
    expect(code).toBe(0);
    const { images, from, notHonoured, difference } = JSON.parse(stdout);
    expect(images).toMatchObject([{ seed: 3, width: 16, height: 24 }]);
    expect(from).toBe("a1111");
    expect(notHonoured.map(({ field }: { field?: string }) => field)).toEqual([undefined, "Tiling", "clipSkip"]);
    expect(difference).toMatchObject({ equal: false, differing: expect.any(Number), ssim: expect.any(Number) });
    expect((await readRecipe(join(folder, images[0].path))).notes).toBeUndefined();
    expect((await run(["replay", "w.png", "--exact"], folder)).code).toBe(1);
  });

  it("says when there are no pixels to compare with", async () => {
    await writeFile(join(folder, "w.txt"), a1111);
    const { code, stdout } = await run(["replay", "w.txt"], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^difference: not measured: /m);
    await writeFile(join(folder, "small.png"), writePngText(await blank(8, 8), { parameters: a1111 }));
    expect((await run(["replay", "small.png"], folder)).stdout).toMatch(/different sizes: 8×8 and 16×24/);
  });

  it("refuses what holds no recipe", async () => {
    await writeFile(join(folder, "no.png"), await blank(8, 8));
    for (const file of ["no.png", "none.png"])
      expect(await run(["replay", file], folder)).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("latentkit diff", () => {
  it("measures, draws a heat map, and exits 1 where they differ", async () => {
    await run(["generate", "--prompt", "x", "--seed", "5", "--count", "2", "--out", "."], folder);
    expect(await run(["diff", "x-5.png", "x-5.png"], folder)).toMatchObject({
      code: 0,
      stdout: "the same, pixel for pixel\n",
    });
    const { code, stdout } = await run(["diff", "x-5.png", "x-6.png", "--json", "--out", "heat.png"], folder);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ equal: false, mean: expect.any(Number), max: expect.any(Number) });
    expect((await readFile(join(folder, "heat.png"))).length).toBeGreaterThan(60);
  });

  it("refuses other sizes, no pictures, and a heat map that is no PNG", async () => {
    await writeFile(join(folder, "a.png"), await blank(8, 8));
    await writeFile(join(folder, "b.png"), await blank(8, 16));
    await copyFile(fileURLToPath(import.meta.url), join(folder, "text.png"));
    expect(await run(["diff", "a.png", "b.png"], folder)).toMatchObject({
      code: 2,
      stderr: "latentkit: The pictures have different sizes: 8×8 and 8×16.\n",
    });
    for (const args of [
      ["a.png", "text.png"],
      ["a.png", "none.png"],
      ["a.png", "a.png", "--out", "x.jpg"],
    ])
      expect((await run(["diff", ...args], folder)).code).toBe(2);
  });
});
