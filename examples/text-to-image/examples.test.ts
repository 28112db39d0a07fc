import { spawnSync } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRecipe } from "@latentkit/core";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-example-"));
  // A project of its own, with the example's packages: configured backends are found from the working folder.
  await symlink(fileURLToPath(new URL("node_modules", import.meta.url)), join(folder, "node_modules"), "junction");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs an example as a reader would, but on the packages' sources. */
function runExample(name: string): string {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const args = ["--conditions=latentkit-source", script, "a green cactus"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

it("local.ts draws with the embedded model", async () => {
  const stdout = runExample("local.ts");
  expect(stdout).toMatch(/^sample 20\/20$/m);
  expect(stdout.trim().split("\n").at(-1)).toBe("text-to-image-7.png");
  const { request } = await readRecipe(join(folder, "text-to-image-7.png"));
  expect(request).toMatchObject({ prompt: "a green cactus", seed: 7, steps: 20 });
});

it("configured.ts draws where nothing is configured", async () => {
  expect(runExample("configured.ts")).toBe("text-to-image-7.png\n");
  expect((await readRecipe(join(folder, "text-to-image-7.png"))).backend).toBe("local");
});
