import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FakeComfy } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { makeFolder, removeFolder, runInside } from "./testing/latentkit.ts";

async function serve(): Promise<FakeComfy> {
  const fake = await FakeComfy.start();
  onTestFinished(() => fake.stop());
  return fake;
}

it("writes the types of a server's nodes", async () => {
  const fake = await serve();
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  const out = join(folder, "nodes.ts");
  const args = ["comfy", "types", "--url", fake.url, "--only", "KSamplerSelect", "--out", out];
  expect(await runInside(args)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  const text = await readFile(out, "utf8");
  expect(text).toContain('"KSamplerSelect": {');
  expect(text).not.toContain('"CLIPLoader"');
});

it("prints them, with the address from COMFYUI_URL", async () => {
  const fake = await serve();
  const { code, stdout } = await runInside(["comfy", "types"], { COMFYUI_URL: fake.url });
  expect(code).toBe(0);
  expect(stdout).toContain(`server at ${fake.url}`);
  expect(stdout).toContain('"CLIPLoader": {');
});

it("says in one line what is wrong", async () => {
  const fake = await serve();
  expect(await runInside(["comfy", "types", "--url", fake.url, "--only", "Nope"])).toMatchObject({
    code: 2,
    stderr: 'latentkit: --only: the server has no node type "Nope"\n',
  });
  const { code, stderr } = await runInside(["comfy", "types", "--url", "http://127.0.0.1:1"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^latentkit: .*127\.0\.0\.1:1.*\n$/);
});
