import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, readRecipe } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { end, makeFolder, removeFolder, run, runInside, start } from "./testing/latentkit.ts";

/** A small model of random weights: it draws noise, on the real path. */
const model = fileURLToPath(new URL("../../backend-local/fixtures/pipelines/f4", import.meta.url));
const onIt = ["generate", "--backend", "local", "--model", model];

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

describe("latentkit with the local engine", () => {
  it("draws, and draws the same again from the recipe", async () => {
    const flags = ["--prompt", "a red apple", "--seed", "7", "--steps", "3", "--width", "32", "--height", "64"];
    const { code, stdout, stderr } = await run([...onIt, ...flags, "--out", "a.png", "--json"], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { images, recipe } = JSON.parse(stdout);
    expect(images).toEqual([{ path: "a.png", seed: 7, width: 32, height: 64, mediaType: "image/png" }]);
    expect(recipe.model.hash).toMatch(/^sha256:/);
    const file = await readFile(join(folder, "a.png"));
    expect(new Set((await decodeImage(file)).data).size).toBeGreaterThan(10);
    // The recipe's backend is used where that is asked for: the folder's configuration names another.
    expect((await run(["generate", "--recipe", "a.png", "--trust", "--out", "b.png"], folder)).code).toBe(0);
    expect(await readFile(join(folder, "b.png"))).toEqual(file);
  });

  it("draws with perturbed attention, and without it from the same recipe", async () => {
    const flags = [
      "--prompt",
      "a red apple",
      "--seed",
      "7",
      "--steps",
      "3",
      "--pag-scale",
      "4",
      "--pag-layers",
      "mid, up",
    ];
    const { code, stderr } = await run([...onIt, ...flags, "--pag-adaptive-scale", "0.001", "--out", "a.png"], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { guidance } = (await readRecipe(join(folder, "a.png"))).request;
    expect(guidance).toMatchObject({ pagScale: 4, pagLayers: ["mid", "up"], pagAdaptiveScale: 0.001 });
    const again = ["generate", "--recipe", "a.png", "--backend", "local", "--pag-scale", "0", "--out", "b.png"];
    // The model is a folder of this machine, which a recipe may not choose by itself.
    const refused = await run(again, folder);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--trust");
    expect(refused.stderr).toContain("model: it uses the model");
    expect((await run([...again, "--model", model], folder)).code, "named by a flag").toBe(0);
    await run([...onIt, ...flags.slice(0, 6), "--out", "c.png"], folder);
    const pixels = async (name: string) => (await decodeImage(await readFile(join(folder, name)))).data;
    expect(await pixels("b.png")).toEqual(await pixels("c.png"));
    expect(await pixels("a.png")).not.toEqual(await pixels("c.png"));
  });

  it("leaves off after some steps with the latent beside the picture, and goes on with it to the same picture", async () => {
    const flags = [...onIt, "--prompt", "a red apple", "--seed", "7", "--steps", "4", "--sampler", "euler"];
    const half = await run([...flags, "--end-step", "2", "--save-latent", "--out", "half.png", "--json"], folder);
    expect(JSON.parse(half.stdout).images[0]).toMatchObject({ path: "half.png", latent: "half.safetensors" });
    const rest = await run([...flags, "--start-step", "2", "--latent", "half.safetensors", "--out", "a.png"], folder);
    expect(rest).toMatchObject({ code: 0, stderr: "" });
    await run([...flags, "--out", "b.png"], folder);
    const pixels = async (name: string) => (await decodeImage(await readFile(join(folder, name)))).data;
    expect(await pixels("a.png")).toEqual(await pixels("b.png"));
  });

  it("writes a latent over no file that was not named", async () => {
    await mkdir(join(folder, "kept"));
    await writeFile(join(folder, "kept/fox-7.safetensors"), "mine");
    const flags = ["--prompt", "fox", "--seed", "7", "--steps", "1", "--sampler", "euler", "--save-latent", "--json"];
    const { stdout } = await run([...onIt, ...flags, "--out", "kept/"], folder);
    expect(JSON.parse(stdout).images[0]).toMatchObject({
      path: "kept/fox-7-2.png",
      latent: "kept/fox-7-2.safetensors",
    });
    expect(await readFile(join(folder, "kept/fox-7.safetensors"), "utf8")).toBe("mine");
  });

  it.each([
    ["--pag-layers", "mid,attn2", /--pag-layers: "attn2" is in no self-attention's name; allowed: .*mid_block/],
    ["--model", "nowhere", /nowhere/],
    ["--width", "33", /--width: 33 is not possible here: must be .*multiple of 4/],
    ["--sampler", "eular", /--sampler: "eular".*did you mean euler/],
    ["--noise", "ensd=5", /--noise ensd: is A1111's/],
    ["--start-step", "3", /--start-step: needs a latent/],
    ["--latent", "nowhere.npy", /--latent: there is no such file/],
    ["--task", "upscale", /--image: is missing/],
    ["--url", "http://localhost", /--url: belongs to a remote backend/],
  ])("refuses %s %s with exit code 2", async (flag, value, message) => {
    const also = flag === "--pag-layers" ? ["--pag-scale", "2"] : [];
    const { code, stdout, stderr } = await runInside([...onIt, "--prompt", "x", ...also, flag, value, "--json"]);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it.skipIf(process.platform === "win32")("Ctrl-C stops the engine and leaves no process behind", async () => {
    const child = start([...onIt, "--prompt", "x", "--count", "900", "--steps", "4", "--out", "out"], folder);
    const ended = end(child);
    while (!existsSync(join(folder, "out")) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const engines = descendants(child.pid!);
    expect(engines.length).toBeGreaterThan(0);
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, stdout: "", stderr: "latentkit: Interrupted.\n" });
    expect(engines.filter(isAlive)).toEqual([]);
  });

  it("models info tells what a folder holds", async () => {
    const { code, stdout } = await run(["models", "info", model], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^unet +UNet2DConditionModel, [\d.]+ k parameters, [\d.]+ kB F32$/m);
    expect(stdout).toMatch(/^native size +48×48 \(sides in multiples of 4/m);
    const json = await run(["models", "info", model, "--json"], folder);
    expect(JSON.parse(json.stdout)).toMatchObject({ id: "f4", size: { width: 48, height: 48, multipleOf: 4 } });
    expect(await run(["models", "info", folder], folder)).toMatchObject({ code: 2, stdout: "" });
    const plan = await run(["models", "info", model, "--plan", "48x48"], folder);
    expect(plan.stdout).toMatch(/^plan +48×48, on the CPU\n(.+\n)*vaeDecoder .+\n(.+\n)*peak +\d+ MB of /m);
    const short = await run(["models", "info", model, "--plan", "48x48", "--max-memory", "6"], folder);
    expect(short).toMatchObject({ code: 2, stderr: expect.stringMatching(/maxMemory: must be bytes/) });
  });
});

function descendants(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const childrenOf = (parent: number): number[] =>
    pairs.filter(([, ppid]) => ppid === parent).flatMap(([id]) => [id!, ...childrenOf(id!)]);
  return childrenOf(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
