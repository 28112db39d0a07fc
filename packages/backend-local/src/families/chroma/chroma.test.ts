import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { flowFile, withRows } from "../../testing/flow-file.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture, temporaryFolder } from "../../testing/test-model.ts";

const name = "families/chroma";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));

test("what a request leaves open is as published, and a text has 511 tokens and an end", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 35, guidanceScale: 5, defaultWidth: 1024, multipleOf: 16 });
  expect(traits.tokenizers).toEqual({
    tokenizer: { kind: "text", maxPositions: 512, reserved: 1, vocabSize: expect.any(Number) },
  });
});

test("a transformer's file in its author's naming draws with what is found beside it", async () => {
  const root = await temporaryFolder();
  const at = (...names: string[]) => join(root, ...names);
  for (const each of ["diffusion_models", "text_encoders", "vae"]) await mkdir(at(each));
  const model = await flowFile("chroma.safetensors", at("diffusion_models"));
  const text = join(folder, "text_encoder/model.safetensors");
  await withRows(text, at("text_encoders", "t5xxl.safetensors"), "shared.weight", 32_128);
  for (const each of ["config.json", "diffusion_pytorch_model.safetensors"])
    await cp(join(folder, "vae", each), at("vae", each));
  const own = local({ model, threads: 1 });
  const draw = async (prompt: string) => {
    const asked = { prompt, width: 64, height: 64, steps: 2, seed: 1, guidanceScale: 1 } satisfies GenerationInput;
    const { images } = await createClient({ backend: own }).generate(asked);
    return (await images[0]!.pixels()).data;
  };
  expect(difference(await draw("a red apple"), await draw("a green dog and a cat")).mean).toBeGreaterThan(0.5);
  await own.dispose();
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match .*d_model 24/],
    ["transformer/config.json", { out_channels: 16 }, /out_channels 16 must be as in_channels 64/],
    ["transformer/config.json", { axes_dims_rope: [4, 4, 4] }, /axes_dims_rope.*must add up to attention_head_dim/],
    ["transformer/config.json", { approximator_num_channels: 12 }, /approximator_num_channels = 12/],
    ["transformer/config.json", { in_channels: 32, out_channels: 32 }, /in_channels 8 does not match .*channels 16/],
  ])("%s with %o", async (file, change, message) => {
    const copy = await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } });
    await expect(readModelFolder(copy)).rejects.toThrow(message);
  });
});
