import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/qwen-image-21";
const jsonOf = async (file: string) => JSON.parse(await readFile(join(fixture(name), file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published, and steps are as many as a folder's own levels", async () => {
  const { traits, tokenizers } = await readModelFolder(fixture(name));
  expect(traits).toMatchObject({ steps: 40, guidanceScale: 1, defaultWidth: 1024, scale: 16, multipleOf: 32 });
  expect(tokenizers).toEqual({ tokenizer: join(fixture(name), "processor") });
  const own = await edited("model_index.json", { sample_sigmas: [1, 0.7, 0.4] });
  expect(own.traits.steps).toBe(3);
});

test("pictures have an alpha channel", async () => {
  const backend = local({ model: fixture(name), threads: 1 });
  const asked = { prompt: "x", width: 32, height: 32, steps: 1, seed: 1 } as const;
  const { images } = await createClient({ backend }).generate(asked);
  expect(await images[0]!.pixels()).toMatchObject({ width: 32, height: 32, channels: 4 });
  await backend.dispose();
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { causal_condition: false }, /causal_condition = false is not supported/],
    ["transformer/config.json", { patch_size: 2 }, /patch_size = 2 is not supported/],
    ["transformer/config.json", { context_in_dim: 32 }, /context_in_dim 32 does not match .*hidden_size 8/],
    [
      "transformer/config.json",
      { in_channels: 8, out_channels: 8 },
      /in_channels 8 does not match .*latent_channels 16/,
    ],
    ["transformer/config.json", { axes_dims_rope: [4, 4, 4] }, /axes_dims_rope.*must add up to attention_head_dim/],
    ["vae/config.json", { latents_std: [1] }, /latents_std.*must have 16 entries/],
    ["vae/config.json", { is_residual: false }, /is_residual = false is not supported/],
    ["vae/config.json", { in_channels: 3 }, /in_channels is 3; pictures have 4 channels/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });

  test.each([
    [{ loras: [{ model: "/none.safetensors" }] }, /loras/],
    [{ conditioning: [{ kind: "reference", image: new Uint8Array(1) }] }, /conditioning\[0\]/],
    [{ width: 40 }, /width.*32/],
  ])("a request with %o", async (more, message) => {
    const backend = local({ model: fixture(name), threads: 1 });
    const asked = { prompt: "x", ...more } as unknown as GenerationInput;
    await expect(createClient({ backend }).generate(asked)).rejects.toThrow(message);
    await backend.dispose();
  });
});
