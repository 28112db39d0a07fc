import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModelFolder } from "../../models/model-folder.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/stable-diffusion-3";
const jsonOf = async (file: string) => JSON.parse(await readFile(join(fixture(name), file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published, turbo by its name; T5 reads what CLIP has no room for", async () => {
  const { traits } = await readModelFolder(fixture(name));
  expect(traits).toMatchObject({ steps: 28, guidanceScale: 7, defaultWidth: 64, maxSide: 192 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { bounds: false }, tokenizer3: { maxPositions: 256 } });
  const turbo = await edited("model_index.json", { _name_or_path: "stable-diffusion-3.5-large-turbo" });
  expect(turbo.traits).toMatchObject({ steps: 4, guidanceScale: 1 });
  const without = await edited("model_index.json", { text_encoder_3: [null, null], tokenizer_3: [null, null] });
  expect(without.traits.tokenizers).toMatchObject({ tokenizer: { bounds: true } });
  expect(without.traits.tokenizers).not.toHaveProperty("tokenizer3");
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { caption_projection_dim: 24 }, /caption_projection_dim.*times num_attention_heads/],
    [
      "transformer/config.json",
      { pooled_projection_dim: 24 },
      /pooled_projection_dim 24 does not match .* together 20/,
    ],
    ["transformer/config.json", { joint_attention_dim: 16 }, /joint_attention_dim 16 has no room for .* together 20/],
    ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match .*d_model 24/],
    ["text_encoder/config.json", { hidden_size: 16 }, /hidden_size is 16, .* 12: the two were changed round/],
    ["transformer/config.json", { qk_norm: "layer_norm" }, /qk_norm = "layer_norm" is not supported/],
    ["transformer/config.json", { patch_size: 4 }, /patch_size = 4 is not supported/],
    [
      "text_encoder/config.json",
      { architectures: ["CLIPTextModel"] },
      /architectures must be CLIPTextModelWithProjection/,
    ],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});
