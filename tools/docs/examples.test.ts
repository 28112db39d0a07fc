import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { local } from "../../packages/backend-local/src/index.ts";
import * as core from "../../packages/core/src/index.ts";

const page = await readFile(new URL("../../docs/examples.md", import.meta.url), "utf8");
const examples = page
  .split("\n## ")
  .slice(1)
  .map((part) => ({
    title: part.split("\n")[0],
    code:
      [...part.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!).find((code) => /client\.generate/.test(code)) ??
      "",
  }));

test("the page has an example of each task and of each conditioning", () => {
  expect(examples).toHaveLength(9);
});

test("those that the embedded model can draw are drawn, one after the other, as they stand", {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-examples-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const mask = {
    width: 64,
    height: 64,
    channels: 3 as const,
    data: new Uint8Array(64 * 64 * 3).fill(255, 0, 64 * 32 * 3),
  };
  await writeFile(join(folder, "mask.png"), await core.encodeImage(mask, "png"));
  const drawable = examples.filter(({ code }) => code.includes("local()"));
  expect(drawable.map(({ title }) => title)).toEqual(["Text to image", "Image to image", "Inpainting", "Outpainting"]);
  const sizes: string[] = [];
  for (const { code } of drawable) {
    const backend = local();
    const run = code
      .replace(/^import .*\n/gm, "")
      .replaceAll(/"(\w+\.png)"/g, (_, file: string) => JSON.stringify(join(folder, file)));
    const main = new Function("local", "createClient", `return (async () => { ${run}; return images[0].size(); })();`);
    const { width, height } = await main(() => backend, core.createClient);
    sizes.push(`${width}x${height}`);
    await backend.dispose();
  }
  expect(sizes).toEqual(["64x64", "64x64", "64x64", "96x64"]);
});
