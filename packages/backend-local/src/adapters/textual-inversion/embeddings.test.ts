import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationEvent, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { inspectModel } from "../../models/inspect-model.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor, temporaryFolder } from "../../testing/test-model.ts";

// Textual inversions of every form against the reference's pictures: tools/oracle/embeddings.py, through the public API.
interface Case {
  name: string;
  model: "sd1" | "sdxl";
  embeddings: { model: string; token: string }[];
  prompt: string;
  negativePrompt: string;
  task: "text-to-image" | "image-to-image";
}

const folder = fixture("embeddings");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const models = { sd1: fixture("pipelines/sd1"), sdxl: fixture("families/sdxl") };
const settings = { steps: 5, guidanceScale: 5, seed: 3, model: models.sd1 };

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, embeddingFolder: folder });
});
afterAll(() => backend.dispose());

const generate = (fields: Partial<GenerationInput>) =>
  createClient({ backend }).generate({ prompt: "", width: 64, height: 64, ...settings, ...fields } as GenerationInput);
const pixels = async (fields: Partial<GenerationInput>) => (await (await generate(fields)).images[0]!.pixels()).data;
const recorded = (name: string) => recordedTensor(join(folder, "images.safetensors"), name);
const warnings = async (fields: Partial<GenerationInput>) =>
  ((await Array.fromAsync(generate(fields))) as GenerationEvent[]).filter(({ type }) => type === "warning");

async function inputs(task: Case["task"]): Promise<Partial<GenerationInput>> {
  if (task === "text-to-image") return {};
  const data = await recordedTensor(fixture("pipelines/sd1-inputs.safetensors"), "image");
  return {
    task,
    image: await encodeImage({ width: 64, height: 64, channels: 3, data }, "png"),
    strength: 0.7,
  } as never;
}

describe("a textual inversion's picture is the reference's", () => {
  test.each(cases)("$name", async ({ name, model, task, embeddings, prompt, negativePrompt }) => {
    const fields = { model: models[model], embeddings, prompt, negativePrompt, ...(await inputs(task)) };
    const drawn = await pixels(fields as Partial<GenerationInput>);
    const { mean, max } = difference(drawn, await recorded(name));
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
    if (embeddings.length === 0 || name === "cut") return;
    const without = await pixels({ ...fields, embeddings: [] } as Partial<GenerationInput>);
    expect(difference(drawn, without).mean, "it does something").toBeGreaterThan(1);
  });
});

describe("each syntax calls it its own way", () => {
  const plain = { prompt: "a red inkwash apple", embeddings: [{ model: "inkwash" }] };

  test("plain: by the token, which is diffusers' own or the file's name", async () => {
    const own = await pixels({
      prompt: "a red <style> apple",
      negativePrompt: "blurry",
      embeddings: [{ model: "style" }],
    });
    expect(difference(own, await recorded("one")).mean).toBeLessThan(0.5);
    expect(await pixels(plain)).not.toEqual(await pixels({ ...plain, embeddings: [] }));
  });

  test("A1111: the name in a prompt calls what lies in the folder; a longer word does not", async () => {
    const fields = { prompt: plain.prompt, promptSyntax: "a1111" } as const;
    expect(await pixels(fields)).toEqual(await pixels(plain));
    const longer = { ...fields, prompt: "a red inkwashed apple" };
    expect(await pixels(longer)).toEqual(await pixels({ ...longer, embeddings: [] }));
    const weighed = await pixels({ ...fields, prompt: "a red (inkwash:1.4) apple" });
    expect(weighed).not.toEqual(await pixels(fields));
  });

  test("ComfyUI: by embedding:name, where the name alone is a word", async () => {
    const fields = { prompt: "a red embedding:inkwash apple", promptSyntax: "comfyui" } as const;
    expect(await pixels(fields)).toEqual(await pixels(plain));
    expect(await pixels({ ...fields, prompt: plain.prompt })).toEqual(
      await pixels({ prompt: plain.prompt, promptSyntax: "plain" }),
    );
    expect(await warnings({ ...fields, prompt: "a embedding:nowhere" })).toMatchObject([{ code: "prompt_syntax" }]);
  });
});

test("between embeddings, and back, it is as if there had been none before", async () => {
  const fields = { prompt: "a red <style> apple" };
  const [one, other] = [{ model: "style" }, { model: "inkwash", token: "<style>" }];
  const first = await pixels({ ...fields, embeddings: [one] });
  expect(await pixels({ ...fields, embeddings: [other] })).not.toEqual(first);
  expect(await pixels({ ...fields, embeddings: [one] })).toEqual(first);
  const lora = { loras: [{ model: join(fixture("loras"), "kohya.safetensors") }] };
  const beside = await pixels({ ...fields, ...lora, embeddings: [one] });
  expect(beside).not.toEqual(first);
  expect(beside).not.toEqual(await pixels({ ...fields, ...lora }));
});

test("one that no prompt calls draws a warning", async () => {
  expect(await warnings({ prompt: "a red apple", embeddings: [{ model: "style" }] })).toMatchObject([
    { code: "embedding_unused", field: "embeddings", message: expect.stringContaining("<style>") },
  ]);
});

describe("what can't be used is refused by its field before any work", () => {
  test.each<[string, Partial<GenerationInput>, string, RegExp]>([
    [
      "none of that name",
      { embeddings: [{ model: "nowhere" }] },
      "embeddings[0].model",
      /there is no textual inversion "nowhere"/,
    ],
    [
      "a wrong width",
      { embeddings: [{ model: "wide" }] },
      "embeddings[0].model",
      /is 40 wide, and the model's text encoder takes 16/,
    ],
    [
      "one of XL",
      { embeddings: [{ model: "style" }, { model: "xl" }] },
      "embeddings[1].model",
      /clip_l of width 16, clip_g of width 24/,
    ],
    [
      "one of SD 1 with XL",
      { model: models.sdxl, embeddings: [{ model: "style" }] },
      "embeddings[0].model",
      /first text encoder \(clip_l\) takes 16/,
    ],
    [
      "a LoRA",
      { embeddings: [{ model: join(fixture("loras"), "kohya.safetensors") }] },
      "embeddings[0].model",
      /not a textual inversion/,
    ],
    [
      "one word twice",
      {
        embeddings: [
          { model: "style", token: "x" },
          { model: "inkwash", token: "X" },
        ],
      },
      "embeddings[1].token",
      /stands for embeddings\[0\] already/,
    ],
    ["a name in a prompt, of another width", { prompt: "a wide road", promptSyntax: "a1111" }, "prompt", /is 40 wide/],
  ])("%s", async (_, fields, field, message) => {
    const job = generate(fields);
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    await expect(job).rejects.toThrow(message);
  });

  test("a pickle", async () => {
    const path = join(await temporaryFolder(), "old.pt");
    await writeFile(path, "PK");
    await mkdir(join(path, "..", "sub"));
    await copyFile(path, join(path, "..", "sub", "old.bin"));
    for (const model of [path, join(path, "..", "sub", "old.bin")]) {
      await expect(generate({ embeddings: [{ model }] })).rejects.toThrow(/is a pickled checkpoint/);
    }
  });
});

test("models info tells an embedding's vectors and its token", async () => {
  expect(await inspectModel(join(folder, "xl.safetensors"))).toMatchObject({
    family: "textual inversion for Stable Diffusion XL",
    adapter: { kind: "embedding", triggerWords: ["xl"], vectors: 2 },
  });
  expect((await inspectModel(join(folder, "style.safetensors"))).adapter).toMatchObject({ triggerWords: ["<style>"] });
});
