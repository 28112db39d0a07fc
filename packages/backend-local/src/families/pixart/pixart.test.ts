import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/pixart-sigma";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published, the size the network's", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 20, guidanceScale: 4.5, defaultWidth: 64, multipleOf: 16 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { maxPositions: 300, reserved: 1 } });
  expect((await edited("transformer/config.json", { sample_size: 256 })).traits).toMatchObject({ defaultWidth: 2048 });
});

test("a prompt is read in small letters, without blanks around it", async () => {
  const backend = local({ model: folder, threads: 1 });
  const draw = async (prompt: string) => {
    const asked = { prompt, width: 64, height: 64, steps: 1, seed: 1 } satisfies GenerationInput;
    const { images } = await createClient({ backend }).generate(asked);
    return (await images[0]!.pixels()).data;
  };
  expect(await draw("  A Red APPLE\n")).toEqual(await draw("a red apple"));
  await backend.dispose();
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { use_additional_conditions: true }, /use_additional_conditions.*PixArt-α/],
    ["transformer/config.json", { caption_channels: 32 }, /caption_channels 32 does not match .*d_model 24/],
    ["transformer/config.json", { out_channels: 6 }, /out_channels 6 must be in_channels 4, or twice that/],
    ["transformer/config.json", { cross_attention_dim: 64 }, /cross_attention_dim.*times attention_head_dim/],
    ["transformer/config.json", { norm_type: "ada_norm_zero" }, /norm_type = "ada_norm_zero" is not supported/],
    ["transformer/config.json", { in_channels: 16, out_channels: 32 }, /in_channels 16 does not match .*channels 4/],
    ["model_index.json", { _class_name: "PixArtAlphaPipeline" }, /"PixArtAlphaPipeline"; supported/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});
