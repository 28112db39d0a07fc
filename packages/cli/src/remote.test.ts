import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRecipe } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startFakeCog } from "../../backend-replicate/src/testing/fake-cog.ts";
import { startFakeReplicate } from "../../backend-replicate/src/testing/fake-replicate.ts";
import { end, makeFolder, removeFolder, run, runInside, start } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

describe("latentkit with a ComfyUI server", () => {
  it("draws, one file a picture", async () => {
    const fake = await FakeComfy.start({ stepMs: 1 });
    onTestFinished(() => fake.stop());
    const flags = [
      "--prompt",
      "a fox",
      "--seed",
      "7",
      "--steps",
      "4",
      "--width",
      "64",
      "--height",
      "64",
      "--count",
      "2",
    ];
    const args = ["generate", "--backend", "comfy", "--url", fake.url, ...flags, "--out", "foxes", "--json"];
    const { code, stdout, stderr } = await run(args, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { images, recipe } = JSON.parse(stdout);
    expect(images.map(({ seed }: { seed: number }) => seed)).toEqual([7, 8]);
    expect(recipe).toMatchObject({ backend: "comfy", request: { prompt: "a fox", steps: 4 } });
    expect((await readRecipe(join(folder, "foxes", "a-fox-8.png"))).request.seed).toBe(8);
  });

  it("Ctrl-C interrupts the prompt on the server", async () => {
    const fake = await FakeComfy.start({ stepMs: 20 });
    onTestFinished(() => fake.stop());
    const flags = ["--prompt", "a fox", "--steps", "900", "--width", "64", "--height", "64"];
    const child = start(["generate", "--backend", "comfy", "--url", fake.url, ...flags], folder);
    const ended = end(child);
    while (fake.prompts.length === 0 && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, stdout: "", stderr: "latentkit: Interrupted.\n" });
    expect(fake.isIdle).toBe(true);
  });

  it("Ctrl-C ends also where the server answers no more, and tells what may still run there", async () => {
    const fake = await FakeComfy.start({ stepMs: 20 });
    onTestFinished(() => fake.stop());
    const config = { backend: "comfy", backends: { comfy: { url: fake.url, cancelMs: 500 } } };
    await writeFile(join(folder, "comfy.json"), JSON.stringify(config));
    const flags = ["--prompt", "a fox", "--steps", "900", "--width", "64", "--height", "64"];
    const child = start(["generate", "--config", "comfy.json", ...flags], folder);
    const ended = end(child);
    while (fake.worker.running === undefined && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    fake.freeze();
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^latentkit: warning: .* prompt [\da-f-]{36} may still run there\.\nlatentkit: Interrupted\.\n$/,
    );
    fake.thaw();
  });

  it("says in one line that nobody answers", async () => {
    const args = ["generate", "--backend", "comfy", "--url", "http://127.0.0.1:1", "--prompt", "x"];
    const { code, stdout, stderr } = await runInside(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^latentkit: .*127\.0\.0\.1:1.*\n$/);
  });
});

describe("latentkit with Replicate", () => {
  it("draws through the API at --url, with --model", async () => {
    const fake = await startFakeReplicate();
    onTestFinished(() => fake.close());
    const args = ["--backend", "replicate", "--url", fake.url, "--model", "acme/painter"];
    const { code, stdout, stderr } = await run(["generate", ...args, "--prompt", "a fox", "--out", "fox.png"], folder, {
      REPLICATE_API_TOKEN: fake.token,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "fox.png\n", stderr: "" });
    expect((await readFile(join(folder, "fox.png"))).subarray(1, 4).toString()).toBe("PNG");
  });

  it("draws on a Cog server at --url, without a token", async () => {
    const fake = await startFakeCog();
    onTestFinished(() => fake.close());
    const args = ["generate", "--backend", "replicate", "--url", fake.url, "--prompt", "a fox", "--out", "fox.png"];
    const { code, stderr } = await run(args, folder, { REPLICATE_API_TOKEN: "" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(existsSync(join(folder, "fox.png"))).toBe(true);
  });

  it("asks for the token, and never shows one", async () => {
    const args = ["generate", "--backend", "replicate", "--model", "a/b", "--prompt", "x"];
    const missing = await run(args, folder, { REPLICATE_API_TOKEN: "" });
    expect(missing).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("REPLICATE_API_TOKEN") });
    const fake = await startFakeReplicate();
    onTestFinished(() => fake.close());
    const token = "r8_wrong_0123456789abcdefghijkl";
    const env = { REPLICATE_API_TOKEN: token, LATENTKIT_DEBUG: "1" };
    const wrong = await run([...args, "--url", fake.url], folder, env);
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toMatch(/^latentkit: /);
    expect(wrong.stderr).not.toContain(token);
  });
});
