import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probeImage } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const script = fileURLToPath(new URL("coloring-page.ts", import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-example-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the example as a reader would, but on the packages' sources. */
function run(args: string[], env: Record<string, string> = {}) {
  const { COMFYUI_URL: _, ...own } = process.env;
  const options = { cwd: folder, encoding: "utf8", env: { ...own, ...env } } as const;
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ["--conditions=latentkit-source", script, ...args], options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

it("draws a picture and its lines", async () => {
  const fake = await FakeComfy.start();
  try {
    const { status, stdout, stderr } = await run(["a hare", "tiny.safetensors"], { COMFYUI_URL: fake.url });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^sample 20\/20$/m);
    expect(stdout.trim().split("\n").slice(-2)).toEqual(["picture.png", "lines.png"]);
    for (const name of ["picture.png", "lines.png"]) {
      expect(await probeImage(await readFile(join(folder, name)))).toMatchObject({ width: 512, height: 512 });
    }
    expect(fake.prompts).toMatchObject([{ prompt: { prompt: { inputs: { text: "a hare" } } } }]);
  } finally {
    await fake.stop();
  }
});

it("takes its prompt back on Ctrl-C", async () => {
  const fake = await FakeComfy.start({ stepMs: 500 });
  try {
    const child = execFile(
      process.execPath,
      ["--conditions=latentkit-source", script, "a hare", "tiny.safetensors"],
      { cwd: folder, env: { ...process.env, COMFYUI_URL: fake.url } },
      () => {},
    );
    child.stdout?.once("data", () => child.kill("SIGINT"));
    const [code] = await once(child, "exit");
    expect(code).toBe(1);
    expect(fake.prompts).toHaveLength(1);
    await expect.poll(() => fake.worker.remaining).toBe(0);
    const [{ status } = { status: { messages: [] } }] = [...fake.worker.history.values()];
    expect(status.messages.map(([type]) => type)).toContain("execution_interrupted");
  } finally {
    await fake.stop();
  }
});

it("says which checkpoints there are, where the workflow's is not", async () => {
  const fake = await FakeComfy.start();
  try {
    const { status, stderr } = await run([], { COMFYUI_URL: fake.url });
    expect(status).toBe(1);
    expect(stderr).toContain('checkpoint: "v1-5-pruned-emaonly.safetensors" is not on the server');
    expect(stderr).toContain("tiny.safetensors");
  } finally {
    await fake.stop();
  }
});

it("says what to set where there is no server", async () => {
  const { status, stdout, stderr } = await run([]);
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: "",
    stderr: "Set COMFYUI_URL to a ComfyUI server, such as http://127.0.0.1:8188.\n",
  });
});
