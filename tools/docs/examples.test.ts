import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { local } from "../../packages/backend-local/src/index.ts";
import * as core from "../../packages/core/src/index.ts";

/** A page's examples: the first of each heading's that draws. */
async function examplesOf(page: string) {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), "utf8");
  return text
    .split("\n## ")
    .slice(1)
    .map((part) => ({
      title: part.split("\n")[0],
      code:
        [...part.matchAll(/```ts\n(.*?)```/gs)]
          .map(([, code]) => code!)
          .find((code) => /client\.generate/.test(code)) ?? "",
    }));
}

/** What the embedded model can draw, drawn as it stands, one after the other; the sizes of the pictures. */
async function drawn(examples: readonly { code: string }[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-examples-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const data = new Uint8Array(64 * 64 * 3).fill(255, 0, 64 * 32 * 3);
  const halves = await core.encodeImage({ width: 64, height: 64, channels: 3, data }, "png");
  for (const file of ["mask.png", "apple.png"]) await writeFile(join(folder, file), halves);
  const sizes: string[] = [];
  for (const { code } of examples) {
    const backend = local();
    const run = code
      .replace(/^import .*\n/gm, "")
      .replaceAll(" as const;", ";")
      .replaceAll("images[2]!", "images[2]")
      .replaceAll(/"(\w+\.png)"/g, (_, file: string) => JSON.stringify(join(folder, file)))
      .replaceAll("`apple-", `\`${join(folder, "apple-")}`);
    const main = new Function("local", "createClient", `return (async () => { ${run}; return images[0].size(); })();`);
    const { width, height } = await main(() => backend, core.createClient);
    sizes.push(`${width}x${height}`);
    await backend.dispose();
  }
  return sizes;
}

const examples = await examplesOf("examples.md");

test("the page has an example of each task and of each conditioning", () => {
  expect(examples).toHaveLength(9);
});

test("those that the embedded model can draw are drawn, one after the other, as they stand", {
  timeout: 120_000,
}, async () => {
  const drawable = examples.filter(({ code }) => code.includes("local()"));
  expect(drawable.map(({ title }) => title)).toEqual(["Text to image", "Image to image", "Inpainting", "Outpainting"]);
  expect(await drawn(drawable)).toEqual(["64x64", "64x64", "64x64", "96x64"]);
});

test("so are those of the page of tasks", { timeout: 240_000 }, async () => {
  const drawable = (await examplesOf("tasks.md")).filter(({ code }) => code.includes("local()"));
  expect(drawable.map(({ title }) => title)).toEqual([
    "Inpainting",
    "A second pass",
    "Stages",
    "Draft and final",
    "Variations",
  ]);
  expect(await drawn(drawable)).toEqual(["64x64", "96x96", "64x64", "64x64", "64x64"]);
});
