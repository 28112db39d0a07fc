import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probeImage, readRecipe } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-studio-"));
  await symlink(fileURLToPath(new URL("node_modules", import.meta.url)), join(folder, "node_modules"), "junction");
  // The embedded model, with few steps where an example doesn't say how many.
  await configure({ defaults: { steps: 4 } });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const configure = (config: object) => writeFile(join(folder, "latentkit.config.json"), JSON.stringify(config));

function start(name: string, args: string[] = [], env: Record<string, string> = {}): ChildProcess {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const { LATENTKIT_BACKEND: _, LORA: __, REFERENCE: ___, POSE: ____, ...own } = process.env;
  return spawn(process.execPath, ["--conditions=latentkit-source", script, ...args], {
    cwd: folder,
    env: { ...own, ...env },
  });
}

/** Runs an example as a reader would, but on the packages' sources; gives what it printed. */
async function run(name: string, args?: string[]): Promise<string[]> {
  const child = start(name, args);
  const told = { out: "", err: "" };
  child.stdout!.on("data", (part) => (told.out += part));
  child.stderr!.on("data", (part) => (told.err += part));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, err: told.err }).toEqual({ code: 0, err: "" });
  return told.out.trim().split("\n");
}

it.each([
  ["background-replacement", ["old-background.png", "new-background.png"]],
  ["product-shots", ["product-0.png", "product-4.png", "product-shots.png"]],
  ["style-transfer", ["style-original.png", "style-0.5.png", "style-0.9.png"]],
  ["character-variations", ["character-0.png", "character-4.png"]],
  ["zoom-out", ["zoom-0.png", "zoom-3.png"]],
  ["restore-and-upscale", ["damaged.png", "restored.png", "upscaled.png"]],
  ["draft-to-final", ["draft.png", "final.png"]],
  ["face-repair", ["repaired.png"]],
  ["refinement", ["refine-0.png", "refine-3.png"]],
  ["choose-parameters", ["parameters.png", "parameters.html"]],
])("%s", async (name, files) => {
  const lines = await run(name);
  expect(lines.at(-1)).toContain(files.at(-1));
  for (const file of files.filter((one) => one.endsWith(".png")))
    expect((await probeImage(await readFile(join(folder, file)))).width).toBeGreaterThanOrEqual(64);
  if (name === "draft-to-final") {
    const [draft, final] = await Promise.all(files.map((file) => readRecipe(join(folder, file))));
    expect(draft!.request).toMatchObject({ steps: 30, draft: { steps: 4 } });
    expect(final!.request.steps).toBe(30);
    expect(final!.request).not.toHaveProperty("draft");
    expect(final!.request.seed).toBe(draft!.request.seed);
  }
});

it("batch-processing and scheduled draw nothing twice", async () => {
  expect(await run("batch-processing")).toEqual(expect.arrayContaining([expect.stringMatching(/^cat done animals/)]));
  expect((await run("batch-processing")).every((line) => / skipped /.test(line))).toBe(true);
  expect(await run("scheduled", ["2026-11-27"])).toEqual(["2026-11-27: 3 drawn, 0 done before, 0 failed"]);
  expect(await run("scheduled", ["2026-11-27"])).toEqual(["2026-11-27: 0 drawn, 3 done before, 0 failed"]);
  expect((await readdir(join(folder, "daily", "2026-11-27"))).filter((name) => name.endsWith(".png"))).toHaveLength(3);
});

it("portraits, on a ComfyUI server", async () => {
  const fake = await FakeComfy.start();
  try {
    await configure({ backend: "comfy", backends: { comfy: { url: fake.url, checkpoint: "tiny.safetensors" } } });
    expect(await run("portraits", ["a man with a beard"])).toEqual([
      "portrait-headshot.png",
      "portrait-business.png",
      "portrait-fashion.png",
    ]);
    expect((await readRecipe(join(folder, "portrait-business.png"))).request).toMatchObject({
      prompt: expect.stringContaining("a man with a beard, business portrait"),
      width: 832,
    });
  } finally {
    await fake.stop();
  }
});

it("swap-by-config falls back to this machine where the server can't be reached", async () => {
  const comfy = { use: "comfy", url: "http://127.0.0.1:1", checkpoint: "sd15.safetensors" };
  await configure({
    backend: "main",
    backends: { main: { use: "fallback", of: ["gpu-box", "local"] }, "gpu-box": comfy },
  });
  const lines = await run("swap-by-config");
  expect(lines[0]).toMatch(/gpu-box is passed over/);
  expect(lines.at(-1)).toBe("drawn by local: swapped.png");
  expect(existsSync(join(folder, "swapped.png"))).toBe(true);
});

it("browser-stream sends a picture as it is made", async () => {
  const child = start("browser-stream", [], { PORT: "0" });
  try {
    const url = await new Promise<string>((resolve) =>
      child.stdout!.once("data", (part) => resolve(String(part).trim())),
    );
    expect(await (await fetch(url)).text()).toContain("EventSource");
    const events = await (await fetch(`${url}/draw?prompt=a+pumpkin+on+grass`)).text();
    for (const name of ["queued", "started", "progress", "preview", "image", "done"])
      expect(events).toContain(`event: ${name}\n`);
    expect(events).toMatch(/"image":"data:image\/jpeg;/);
  } finally {
    child.kill();
  }
});
