import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolder, removeFolder, runInside } from "./testing/latentkit.ts";

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

it("says how a prompt is drawn to who begins with it", async () => {
  const { code, stderr } = await runInside(["a red apple"]);
  expect(code).toBe(2);
  expect(stderr).toContain('(To draw it: latentkit generate "a red apple")');
  expect((await runInside(["genrate"])).stderr).not.toContain("To draw it");
});

describe("bad input exits 2 and names the flag", () => {
  it.each([
    [["--promt", "x"], /unknown option '--promt'/],
    [["--prompt"], /'--prompt <text>' argument missing/],
    [[], /--prompt: /],
    [["--prompt", "x", "stray"], /--prompt: the prompt is given twice: "stray" stands outside of flags/],
    [["--prompt", "x", "--width", "wide"], /--width <pixels>.*whole number/],
    [["--prompt", "x", "--width", "12"], /--width: 12 .*8 to 4096, a multiple of 8/],
    [["--prompt", "x", "--steps", "1.5"], /--steps <n>.*whole number/],
    [["--prompt", "x", "--guidance", "-1"], /--guidance: /],
    [["--prompt", "x", "--guidance", ""], /--guidance <scale>.*number/],
    [["--prompt", "x", "--pag-scale", "much"], /--pag-scale <scale>.*number/],
    [["--prompt", "x", "--pag-scale", "-1"], /--pag-scale: must be at least 0/],
    [["--prompt", "x", "--pag-layers", "mid"], /--pag-layers: does nothing without guidance\.pagScale/],
    [["--prompt", "x", "--pag-scale", "1", "--pag-layers", ","], /--pag-layers: /],
    [["--prompt", "x", "--seed", "-1"], /--seed: must be a whole number from 0 to 18446744073709551615/],
    [["--prompt", "x", "--count", "0"], /--count: /],
    [["--prompt", "x", "--sampler", "eular"], /--sampler: .*euler/],
    [["--prompt", "x", "--task", "paint"], /--task: must be one of text-to-image/],
    [["--prompt", "x", "--strength", "0.5"], /--strength: is not a field of task "text-to-image"/],
    [["--prompt", "x", "--image", "a.png"], /--task: "image-to-image" is not possible here/],
    [["--prompt", "x", "--backend", "cloud"], /--backend: "cloud".*local, replicate, comfy/],
    [["--prompt", "x", "--backend", "comfy", "--url", "ftp:/x"], /--url: must be an http or https URL/],
    [["--prompt", "x", "--config", "none.json"], /none\.json/],
    [["--prompt", "x", "--recipe", "none.png"], /none\.png/],
    [["--prompt", "x", "--out", "a.gif"], /--out: cannot write \.gif files; use \.png/],
    [["--prompt", "x", "--out", ""], /--out: /],
    [["--prompt", "x", "--out", "a.png", "--count", "2"], /--out: .*--count asks for 2/],
    [["--prompt", "x", "--out", "FOLDER/latentkit.config.ts"], /--out: .*is a file/],
    [["--prompt", "x", "--out", "FOLDER/latentkit.config.ts/a.png"], /--out: .*is a file/],
  ])("%j", async (flags, message) => {
    const named = flags.map((flag) => flag.replace("FOLDER", folder));
    const config = flags.includes("--config") ? [] : ["--config", join(folder, "latentkit.config.ts")];
    const { code, stdout, stderr } = await runInside(["generate", ...config, ...named]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect((await readdir(folder)).filter((name) => name.endsWith(".png"))).toEqual([]);
  });
});
