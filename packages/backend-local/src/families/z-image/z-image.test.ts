import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, decodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const folder = fixture("families/z-image");
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: folder, threads: 1 });
});
afterAll(() => backend.dispose());

const request = { prompt: "a red apple", width: 64, height: 64, steps: 2, seed: 1 } satisfies GenerationInput;

describe("what a request leaves open", () => {
  test("is Turbo's where the model is named so or has Turbo's shift, else the base model's", async () => {
    const scheduler = await jsonOf("scheduler/scheduler_config.json");
    const base = await copyFixture("families/z-image", {
      "scheduler/scheduler_config.json": { ...scheduler, shift: 6 },
    });
    expect((await readModelFolder(folder)).traits).toMatchObject({ steps: 8, guidanceScale: 0 });
    expect((await readModelFolder(base)).traits).toMatchObject({ steps: 30, guidanceScale: 4 });
    const { defaults, limits, maxPromptTokens } = await backend.capabilities();
    expect(defaults).toMatchObject({ width: 1024, height: 1024, steps: 8, guidanceScale: 0, sampler: "euler" });
    expect(limits?.width).toMatchObject({ multipleOf: 16, min: 16, max: 4096 });
    expect(maxPromptTokens).toBe(504);
  });
});

describe("what can't be is refused before any work", () => {
  test.each([
    ["transformer/config.json", { siglip_feat_dim: 16 }, /siglip_feat_dim = 16 is not supported/],
    ["transformer/config.json", { axes_dims: [4, 4, 4] }, /axes_dims.*add up to a head's 16/],
    ["transformer/config.json", { cap_feat_dim: 32 }, /cap_feat_dim 32 does not match .*hidden_size 24/],
    ["transformer/config.json", { in_channels: 4 }, /in_channels 4 does not match .*latent_channels 16/],
    ["transformer/config.json", { axes_lens: [300, 512, 512] }, /axes_lens begins with 300/],
    ["text_encoder/config.json", { use_sliding_window: true }, /use_sliding_window = true is not supported/],
    ["text_encoder/config.json", { num_key_value_heads: 3 }, /num_key_value_heads.*must divide/],
    [
      "text_encoder/config.json",
      { rope_parameters: { rope_type: "yarn", factor: 4 } },
      /rope_type = "yarn" is not supported/,
    ],
    ["vae/config.json", { shift_factor: "a" }, /shift_factor must be a number/],
  ])("%s with %o", async (file, change, message) => {
    const copy = await copyFixture("families/z-image", { [file]: { ...(await jsonOf(file)), ...change } });
    const job = createClient({ backend }).generate({ ...request, model: copy });
    const types: string[] = [];
    await expect(
      (async () => {
        for await (const { type } of job) types.push(type);
      })(),
    ).rejects.toThrow(message);
    expect(types).not.toContain("progress");
  });

  test("tensors that are missing or of another shape", async () => {
    const config = await jsonOf("transformer/config.json");
    const copy = await copyFixture("families/z-image", { "transformer/config.json": { ...config, n_layers: 3 } });
    const drawn = createClient({ backend }).generate({ ...request, model: copy });
    await expect(drawn).rejects.toThrow(/layers\.2\..* is missing/);
  });

  test.each([
    [{ width: 72 }, /width.*multiple of 16/],
    [{ promptSyntax: "a1111" }, /promptSyntax/],
    [{ clipSkip: 2 }, /clipSkip/],
    [{ loras: [{ model: "a.safetensors" }] }, /loras/],
    [{ guidance: { pagScale: 3 } }, /pag/i],
  ])("%o", async (change, message) => {
    const drawn = createClient({ backend }).generate({ ...request, ...change } as GenerationInput);
    await expect(drawn).rejects.toThrow(message);
  });
});

test("previews are a pixel for each square of the latent, and change as the picture comes", async () => {
  const job = createClient({ backend }).generate({ ...request, steps: 3, previewEvery: 1 });
  const seen: string[] = [];
  for await (const event of job)
    if (event.type === "preview") {
      const { width, height, data } = await decodeImage(await event.image.bytes("png"));
      expect([width, height]).toEqual([8, 8]);
      seen.push(Buffer.from(data).toString("base64"));
    }
  expect(new Set(seen).size).toBe(2);
});

test("a prompt that is too long is cut with a warning that quotes what was left off", async () => {
  const job = createClient({ backend }).generate({ ...request, prompt: `${"apple ".repeat(900)}dog` });
  const warnings: string[] = [];
  for await (const event of job) if (event.type === "warning") warnings.push(event.message);
  expect(warnings.find((message) => message.includes("takes 512 tokens"))).toMatch(/left off: ".*/);
});

test("a recipe makes its picture again, and other samplers and schedulers make others", async () => {
  const client = createClient({ backend });
  const draw = async (input: GenerationInput) => {
    const { images, recipe } = await client.generate(input);
    return { data: (await images[0]!.pixels()).data, recipe };
  };
  const first = await draw({ ...request, steps: 4 });
  expect((await draw(first.recipe.request as GenerationInput)).data).toEqual(first.data);
  const other = await draw({ ...request, steps: 4, sampler: "res_multistep", scheduler: "simple" });
  expect(other.data).not.toEqual(first.data);
});
